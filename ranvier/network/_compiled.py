"""A cyclic part as one compiled loop: gathering what the kernel needs, and putting back what it made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from ranvier.kernels.cpu import CircuitPopulation, CircuitProjection, PlasticProjection, Spikes, run_circuit
from ranvier.kernels.products import pattern
from ranvier.network._projection import Projection
from ranvier.network._row_rule import row_rule
from ranvier.network._state import State

if TYPE_CHECKING:
    from ranvier.network._execute import _Runner

__all__ = ["add_arrival", "compiled_loop"]

Tensor = torch.Tensor


def add_arrival(arrivals: dict[str, Tensor], port: str, value: Tensor) -> None:
    """Sum what several projections bring to one port."""
    arrivals[port] = arrivals[port] + value if port in arrivals else value


def compiled_loop(
    runner: _Runner, names: Sequence[str], count: int, state: State, emissions: dict[str, Tensor], variables: dict[str, Any],
    recorded: dict[tuple[str, str], Tensor],
) -> None:  # fmt: skip
    """Advance the populations ``names`` by ``count`` steps in one call."""
    populations, projections, plastic, owners = [], [], [], []
    for n in names:
        step, kicks = runner.steps[n], runner.steps[n].kicks
        arrivals: dict[str, Tensor] = {}
        for p in runner.incoming[n]:
            stream = f"kick_{p.port}" if p.port in kicks else p.port
            if p.plasticity:
                for chosen, projection in _plastic(runner, p, stream, names, state, emissions):
                    plastic.append(projection)
                    owners.append((p.name, chosen))
            elif p.pre not in names:
                add_arrival(arrivals, p.port, runner.carry(p, emissions[p.pre], state.history.get(p.pre), count))
            elif stream in step.streams:
                sparse = p.chain[0]
                latency = sparse.latency_table if p.per_synapse else p.latency
                projections.append(CircuitProjection(p.pre, n, stream, sparse.pattern(), sparse.shared_weight(), latency))
        cells = runner.net.populations[n].shape[0]
        fed = {f"kick_{p}" if p in kicks else p for p in arrivals} | set(step.system.noises) | {"t"}
        streams = runner.streams(n, step, arrivals, count, (1, cells), state, state.step)
        outside = {s: x[:, 0] for s, x in streams.items() if s in fed}
        history = state.history[n][:, 0] if n in state.history else torch.zeros(0, cells, dtype=runner.dtype)
        record = tuple(v for v in runner.record.get(n, ()) if v not in ("spikes", "spike"))
        states = {k: v[0] for k, v in variables[n].items()}
        populations.append(CircuitPopulation(n, step, cells, states, runner.coefficients[n], outside, history, record))
    result = run_circuit(populations, projections, state.step, count, runner.dtype, runner.every, plastic)
    outside_readers = {p.pre for p in runner.net.projections.values() if p.post not in names}
    for population in populations:
        n, spikes = population.name, result.spikes[population.name]
        variables[n] = {k: v.unsqueeze(0) for k, v in result.states[n].items()}
        recorded.update({(n, v): x.unsqueeze(1) for v, x in result.recorded[n].items()})
        runner.spikes[n] = spikes
        if n in outside_readers:
            emissions[n] = spikes.dense(population.cells, runner.dtype).unsqueeze(1)
        elif n in state.history:
            emissions[n] = spikes.last(state.history[n].shape[0]).dense(population.cells, runner.dtype).unsqueeze(1)
    for (name, chosen), values in zip(owners, result.plastic, strict=True):
        old = runner.synapses[name]
        runner.synapses[name] = {
            v: x.unsqueeze(0) if chosen is None else old[v].index_copy(1, chosen, x.unsqueeze(0)) for v, x in values.items()
        }
    for name, variables_wanted in runner.record.items():
        if name in runner.synapses and (state.step + count) % runner.every == 0:
            recorded.update({(name, v): runner.synapses[name][v].unsqueeze(0) for v in variables_wanted})


def _plastic(runner: _Runner, p: Projection, stream: str, names: Sequence[str], state: State, emissions: dict[str, Tensor]):
    """A plastic projection as one part per distinct latency: (which synapses, what the kernel needs)."""
    sparse, synapses = p.chain[0], state.synapses[p.name]
    rule, decays, parameters = row_rule(runner.plastic[p.name])
    if p.per_synapse:
        groups = [(k, chosen, pattern(sparse.pre[chosen], sparse.post[chosen], sparse.sizes)) for k, chosen in sparse.groups()]
    else:
        groups = [(p.latency, None, sparse.pattern())]
    given = None
    if p.pre not in names:
        given = Spikes.of(torch.cat([state.history[p.pre], emissions[p.pre]])[:, 0])
        count = emissions[p.pre].shape[0]
    for latency, chosen, rows in groups:
        values = {n: (v[0] if chosen is None else v[0][chosen]) for n, v in synapses.items()}
        outside = None if given is None else given.last(latency + count)
        pre = p.pre if given is None else None
        yield chosen, PlasticProjection(pre, p.post, stream, rows, rule, values, decays, parameters, latency, outside)
