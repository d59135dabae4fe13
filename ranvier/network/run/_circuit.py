"""A cyclic part as one circuit: what its kernel is given, and what it made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from ranvier.kernels.tasks import Circuit, CircuitPopulation, CircuitProjection, CircuitResult, GradedProjection
from ranvier.network.plan.built import unit_of
from ranvier.network.plan.drives import drive_with
from ranvier.network.plastic.rows import after_rows, as_rows
from ranvier.network.run._senders import sender
from ranvier.network.run.streams import noise_key, streams_of
from ranvier.network.run.window import Window
from ranvier.network.shapes import known_shape

if TYPE_CHECKING:
    from ranvier.network.plan.plan import Unit
    from ranvier.network.run.runner import Runner

__all__ = ["circuit"]

Tensor = torch.Tensor


def circuit(runner: Runner, unit: Unit, window: Window) -> None:
    """Advance the populations of a unit over the whole window in one call."""
    names, arrivals = unit.members, runner.arrivals
    projections, graded, plastic, sources = [], [], {}, {}
    for n in names:
        step = runner.cells[n].step
        for p in arrivals.onto[n]:
            stream = step.stream_of(p.port)
            if p.plasticity:
                plastic[p.name] = as_rows(runner, p, stream, names, window)
            elif (p.pre in names or p.name in runner.plan.sent) and stream in step.streams:
                first, _, _, latency, table = p.bound_transform
                latency = latency if table is None else table
                rows: Any = first.rows()  # a circuit has no other projections inside
                if p.pre in names and runner.graph.populations[p.pre].emits_numbers:
                    graded.append(GradedProjection(p.pre, n, stream, rows, first.circuit_weight(False), latency))
                    continue
                weight = first.circuit_weight(unit.stored)
                projections.append(CircuitProjection(p.pre, n, stream, rows, weight, latency))
                if p.pre not in names and p.pre not in sources:
                    sources[p.pre] = sender(runner, p.pre, window)
    populations = [*sources.values(), *(_given(runner, n, names, window) for n in names)]
    task = Circuit(
        populations, projections, window.start, window.count, runner.graph.dtype, runner.every, [*plastic.values()], graded
    )  # fmt: skip
    result: CircuitResult = unit_of(runner.plan, unit)(task)
    for n in names:
        _take(runner, n, names, window, result)
    for (name, rows), values in zip(plastic.items(), result.plastic, strict=True):
        window.synapses[name] = after_rows(runner.plastic[name], rows, values)
    if plastic and (window.start + window.count) % runner.every == 0:
        for name in plastic:
            values = window.synapses[name]
            window.recorded.update({(name, v): values[v].unsqueeze(0) for v in runner.record.get(name, ())})


def _given(runner: Runner, name: str, inside: Sequence[str], window: Window) -> CircuitPopulation:
    """A population as the circuit takes it, with what comes from outside."""
    cells, drawn, graph = runner.cells[name], runner.drives, runner.graph
    inflow, size = runner.arrivals.into(name, inside, window), known_shape(graph, name)[0]
    streams = streams_of(cells, inflow.ports, window.count, (1, size), window, silent=False, noisy=False)
    noises = {n: noise_key(graph.seed, cells.name, n, window.state.stream) for n in cells.step.system.noises}
    history = window.history.get(name)
    history = torch.zeros(0, size, dtype=graph.dtype) if history is None else history[:, 0]
    record = tuple(v for v in cells.record if v != "spikes")
    states = {k: v[0] for k, v in cells.given(window.variables[name], window.count).items()}
    drives = tuple(
        drive_with(graph, drawn[p.name], p.pre, window.state.stream, window.start, window.count)
        for p in runner.arrivals.onto[name]
        if p.name in drawn
    )
    outside = {s: x[:, 0] for s, x in streams.items()}
    emission, kept = None, 0
    if graph.populations[name].emits_numbers:
        kept = window.count if runner.arrivals.read_outside(name, inside) else min(window.count, history.shape[0])
        emission = cells.emission if kept or history.shape[0] else None
    return CircuitPopulation(
        name, cells.step, size, states, cells.coefficients, outside, history, record, drives, noises, emission, kept
    )


def _take(runner: Runner, name: str, inside: Sequence[str], window: Window, result: CircuitResult) -> None:
    """Put what the circuit made of a population into the window."""
    cells, spikes, dtype = runner.cells[name], result.spikes[name], runner.graph.dtype
    size, history = known_shape(runner.graph, name)[0], window.history.get(name)
    states = {k: v.unsqueeze(0) for k, v in result.states[name].items()}
    before = window.variables[name]
    window.variables[name] = cells.after(before, states, window.count)
    if found := {v: x.unsqueeze(1) for v, x in result.recorded[name].items()}:
        found = cells.counted(found, before, window.count, runner.every, window.start)
        window.recorded.update({(name, v): x for v, x in found.items()})
    window.spikes[name] = spikes
    if "spikes" in cells.record and not runner.lists:
        window.recorded[name, "spikes"] = spikes.dense(size, dtype).unsqueeze(1)
    if name in result.emitted:
        window.emissions[name] = result.emitted[name].unsqueeze(1)
    elif runner.arrivals.read_outside(name, inside):
        window.emissions[name] = spikes.dense(size, dtype).unsqueeze(1)
    elif history is not None:
        window.emissions[name] = spikes.last(history.shape[0]).dense(size, dtype).unsqueeze(1)
