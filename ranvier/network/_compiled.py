"""A cyclic part as one compiled loop: gathering what the kernel needs, and putting back what it made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from ranvier.connectivity import ProceduralSynapses
from ranvier.kernels.cpu import CircuitPopulation, CircuitProjection, PlasticProjection, Spikes, run_circuit
from ranvier.kernels.products import pattern
from ranvier.network._plastic import spikes_alone
from ranvier.network._projection import Projection
from ranvier.network._row_rule import row_rule
from ranvier.network._shapes import known_shape
from ranvier.network._window import Window, add_arrival

if TYPE_CHECKING:
    from ranvier.network._runner import Runner

__all__ = ["compiled_loop"]

Tensor = torch.Tensor


def compiled_loop(runner: Runner, names: Sequence[str], window: Window) -> None:
    """Advance the populations ``names`` over the whole window in one call."""
    populations, projections, plastic, owners = [], [], [], []
    for n in names:
        step = runner.steps[n]
        arrivals: dict[str, Tensor] = {}
        for port, value, _ in runner.from_outside(n, names, window):
            add_arrival(arrivals, port, value)
        for p in runner.incoming[n]:
            stream = runner.stream_of(n, p.port)
            if p.plasticity:
                for chosen, projection in _plastic(runner, p, stream, names, window):
                    plastic.append(projection)
                    owners.append((p.name, chosen))
            elif p.pre not in names or stream not in step.streams:
                continue
            elif isinstance(first := p.delayable, ProceduralSynapses):
                projections.append(CircuitProjection(p.pre, n, stream, first.source, first.weight, p.latency))
            else:
                sparse = p.synapses
                latency = sparse.latency_table if p.per_synapse else p.latency
                projections.append(
                    CircuitProjection(p.pre, n, stream, sparse.pattern(), sparse.shared_weight(), latency)
                )
        cells = known_shape(runner.net, n)[0]
        fed = {f"kick_{port}" if port in step.kicks else port for port in arrivals} | set(step.system.noises) | {"t"}
        streams = runner.streams(n, arrivals, window.count, (1, cells), window)
        outside = {s: x[:, 0] for s, x in streams.items() if s in fed}
        history = window.history[n][:, 0] if n in window.history else torch.zeros(0, cells, dtype=runner.dtype)
        record = tuple(v for v in runner.record.get(n, ()) if v not in ("spikes", "spike"))
        states = {k: v[0] for k, v in window.variables[n].items()}
        drives = tuple(runner.drives[p.name] for p in runner.incoming[n] if p.name in runner.drives)
        populations.append(
            CircuitPopulation(n, step, cells, states, runner.coefficients[n], outside, history, record, drives)
        )
    result = run_circuit(populations, projections, window.start, window.count, runner.dtype, runner.every, plastic)
    read_elsewhere = {p.pre for p in runner.net.projections.values() if p.post not in names}
    for population in populations:
        n, spikes = population.name, result.spikes[population.name]
        window.variables[n] = {k: v.unsqueeze(0) for k, v in result.states[n].items()}
        window.recorded.update({(n, v): x.unsqueeze(1) for v, x in result.recorded[n].items()})
        runner.spikes[n] = spikes
        for v in {"spikes", "spike"} & set(runner.record.get(n, ())) if not runner.lists else ():
            window.recorded[n, v] = spikes.dense(population.cells, runner.dtype).unsqueeze(1)
        if n in read_elsewhere:
            window.emissions[n] = spikes.dense(population.cells, runner.dtype).unsqueeze(1)
        elif n in window.history:
            last = spikes.last(window.history[n].shape[0])
            window.emissions[n] = last.dense(population.cells, runner.dtype).unsqueeze(1)
    for (name, chosen), values in zip(owners, result.plastic, strict=True):
        old = window.synapses[name]
        window.synapses[name] = {
            v: x.unsqueeze(0) if chosen is None else old[v].index_copy(1, chosen, x.unsqueeze(0))
            for v, x in values.items()
        }
    if (window.start + window.count) % runner.every == 0:
        for name in dict.fromkeys(name for name, _ in owners):
            values = window.synapses[name]
            window.recorded.update({(name, v): values[v].unsqueeze(0) for v in runner.record.get(name, ())})


def _plastic(runner: Runner, p: Projection, stream: str, names: Sequence[str], window: Window):
    """A plastic projection as one part per distinct latency: (which synapses, what the kernel needs)."""
    sparse, synapses = p.synapses, window.state.synapses[p.name]
    rule, decays, parameters = row_rule(runner.plastic[p.name])
    if p.per_synapse:
        groups = [
            (k, chosen, pattern(sparse.pre[chosen], sparse.post[chosen], sparse.sizes)) for k, chosen in sparse.groups()
        ]
    else:
        groups = [(p.latency, None, sparse.pattern())]
    given = None
    if p.pre not in names:
        silent = torch.zeros(p.latency + window.count, 1, sparse.sizes[0])
        known = torch.cat([window.history[p.pre], window.emissions[p.pre]]) if p.by_spike else silent
        given = Spikes.of(spikes_alone(known, p.pre)[:, 0])
    key = (*runner.plastic[p.name].key, window.state.stream)
    for latency, chosen, rows in groups:
        values = {n: (v[0] if chosen is None else v[0][chosen]) for n, v in synapses.items()}
        own = {n: v if chosen is None or v.numel() == 1 else v[chosen] for n, v in parameters.items()}
        outside = None if given is None else given.last(latency + window.count)
        yield (
            chosen,
            PlasticProjection(
                p.pre if given is None else None,
                p.post,
                stream,
                rows,
                rule,
                values,
                decays,
                own,
                latency,
                outside,
                chosen,
                key,
            ),
        )
