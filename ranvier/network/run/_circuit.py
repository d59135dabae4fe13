"""A cyclic part as one compiled loop: gathering what the kernel needs, and putting back what it made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from ranvier.kernels.tasks import Circuit, CircuitPopulation, CircuitProjection, CircuitResult
from ranvier.network.plan.built import unit_of
from ranvier.network.plan.drives import drive_with
from ranvier.network.plastic.rows import after_rows, as_rows
from ranvier.network.run.streams import streams_of
from ranvier.network.run.window import Window
from ranvier.network.shapes import known_shape

if TYPE_CHECKING:
    from ranvier.network.plan.plan import Unit
    from ranvier.network.run.runner import Runner

__all__ = ["circuit"]

Tensor = torch.Tensor


def circuit(runner: Runner, unit: Unit, window: Window) -> None:
    """Advance the populations of a unit over the whole window in one call."""
    names, dtype = unit.members, runner.graph.dtype
    populations, projections, plastic, owners = [], [], [], []
    for n in names:
        cells, inflow = runner.cells[n], runner.arrivals.into(n, names, window)
        step = cells.step
        for p in runner.arrivals.onto[n]:
            stream = step.stream_of(p.port)
            if p.plasticity:
                plastic.append(as_rows(runner, p, stream, names, window))
                owners.append(p.name)
            elif p.pre not in names or stream not in step.streams:
                continue
            else:
                first, _, _, latency, table = p.bound_transform
                latency = latency if table is None else table
                rows: Any = first.rows()  # a loop has no other projections inside
                projections.append(CircuitProjection(p.pre, n, stream, rows, first.shared_weight(), latency))
        size = known_shape(runner.graph, n)[0]
        fed = {step.stream_of(port) for port in inflow.ports} | {
            *step.system.noises,
            *step.clock.outputs,
        }
        streams = streams_of(cells, inflow.ports, window.count, (1, size), window)
        outside = {s: x[:, 0] for s, x in streams.items() if s in fed}
        history = window.history[n][:, 0] if n in window.history else torch.zeros(0, size, dtype=dtype)
        record = tuple(v for v in cells.record if v != "spikes")
        states = {k: v[0] for k, v in cells.given(window.variables[n], window.count).items()}
        drives = tuple(
            drive_with(runner.graph, runner.drives[p.name], p.pre, window.state.stream)
            for p in runner.arrivals.onto[n]
            if p.name in runner.drives
        )
        populations.append(
            CircuitPopulation(n, step, size, states, cells.coefficients, outside, history, record, drives)
        )
    task = Circuit(populations, projections, window.start, window.count, dtype, runner.every, plastic)
    result: CircuitResult = unit_of(runner.plan, unit)(task)
    for population in populations:
        n, spikes = population.name, result.spikes[population.name]
        cells = runner.cells[n]
        states = {k: v.unsqueeze(0) for k, v in result.states[n].items()}
        window.variables[n] = cells.after(window.variables[n], states, window.count)
        window.recorded.update({(n, v): x.unsqueeze(1) for v, x in result.recorded[n].items()})
        window.spikes[n] = spikes
        if "spikes" in cells.record and not runner.lists:
            window.recorded[n, "spikes"] = spikes.dense(population.cells, dtype).unsqueeze(1)
        if runner.arrivals.read_outside(n, names):
            window.emissions[n] = spikes.dense(population.cells, dtype).unsqueeze(1)
        elif n in window.history:
            last = spikes.last(window.history[n].shape[0])
            window.emissions[n] = last.dense(population.cells, dtype).unsqueeze(1)
    for name, q, values in zip(owners, plastic, result.plastic, strict=True):
        window.synapses[name] = after_rows(runner.plastic[name], q, values)
    if (window.start + window.count) % runner.every == 0:
        for name in owners:
            values = window.synapses[name]
            window.recorded.update({(name, v): values[v].unsqueeze(0) for v in runner.record.get(name, ())})
