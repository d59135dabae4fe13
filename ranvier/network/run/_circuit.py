"""A circuit: what its kernel is given, and what it made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from ranvier.kernels.pool import run_tiles
from ranvier.kernels.tasks import (
    Circuit,
    CircuitPopulation,
    CircuitProjection,
    CircuitResult,
    CircuitShape,
    GradedProjection,
    PlasticProjection,
)
from ranvier.network.plan.built import unit_of
from ranvier.network.plan.drives import drive_with
from ranvier.network.plastic.rows import after_rows, as_rows
from ranvier.network.processes.share import exchange_for, whole_result
from ranvier.network.run._senders import sender
from ranvier.network.run.streams import noise_key, streams_of
from ranvier.network.run.window import Window
from ranvier.network.shapes import known_shape
from ranvier.network.state.history import later, listed

if TYPE_CHECKING:
    from ranvier.network.plan.plan import Unit
    from ranvier.network.run.runner import Runner

__all__ = ["circuit", "circuit_task", "take_circuit"]

Tensor = torch.Tensor


def circuit(runner: Runner, unit: Unit, window: Window) -> None:
    """Advance the populations of a unit over the whole window: all samples together where they stack, else one by one."""
    names, run, graph = unit.members, unit_of(runner.plan, unit), runner.graph
    projections, graded = _wires(runner, unit)
    plastic = [p for n in names for p in runner.arrivals.onto[n] if p.plasticity]
    entering = [_Entering(runner, n, names, window) for n in names]
    sources = _senders(runner, unit, window)
    exchange = exchange_for(runner, names, window.count)
    made: list[tuple[list[PlasticProjection], CircuitResult] | None] = [None] * window.samples

    def task(populations: list[CircuitPopulation], own: list[PlasticProjection], samples: int | None = None) -> Circuit:
        times = window.start, window.count
        return Circuit(
            [*sources, *populations], projections, *times, graph.dtype, runner.every, own, graded, exchange, samples
        )

    def advance(b: int) -> None:
        own = [as_rows(runner, p, runner.cells[p.post].step.stream_of(p.port), names, window, b) for p in plastic]
        result = run(task([one.sample(b) for one in entering], own))
        made[b] = own, result if exchange is None else whole_result(result, exchange)

    match unit.shape:
        case _ if exchange is not None:  # other processes run the samples in the same order
            for b in range(window.samples):
                advance(b)
        case CircuitShape(stacks=True) if window.samples > 1:
            made = [([], run(task([one.samples() for one in entering], [], window.samples)))]
        case _:
            run_tiles(advance, window.samples)
    rows, results = zip(*(one for one in made if one is not None), strict=True)
    for n in names:
        _take(runner, n, names, window, results)
    for k, p in enumerate(plastic):
        each = [(q[k], result.plastic[k]) for q, result in zip(rows, results, strict=True)]
        window.synapses[p.name] = after_rows(runner.plastic[p.name], each)
    if plastic and (window.start + window.count) % runner.every == 0:
        for p in plastic:
            values = window.synapses[p.name]
            window.recorded.update({(p.name, v): values[v].unsqueeze(0) for v in runner.record.get(p.name, ())})


def circuit_task(runner: Runner, unit: Unit, window: Window) -> Circuit:
    """The one sample of a window as a task, without plastic synapses."""
    names, graph = unit.members, runner.graph
    projections, graded = _wires(runner, unit)
    entering = [_Entering(runner, n, names, window).sample(0) for n in names]
    populations = [*_senders(runner, unit, window), *entering]
    return Circuit(populations, projections, window.start, window.count, graph.dtype, graded=graded)


def take_circuit(runner: Runner, unit: Unit, window: Window, result: CircuitResult) -> None:
    """Put the result of such a task into the window."""
    for n in unit.members:
        _take(runner, n, unit.members, window, [result])


def _senders(runner: Runner, unit: Unit, window: Window) -> list[CircuitPopulation]:
    """The sources of single spikes that are part of a circuit."""
    sent = dict.fromkeys(p.pre for n in unit.members for p in runner.arrivals.onto[n] if p.name in runner.plan.sent)
    return [sender(runner, n, window) for n in sent]


def _wires(runner: Runner, unit: Unit) -> tuple[list[CircuitProjection], list[GradedProjection]]:
    """The projections inside that are not plastic: those that carry spikes, and those that carry a variable."""
    projections, graded = [], []
    for n in unit.members:
        step = runner.cells[n].step
        for p in runner.arrivals.onto[n]:
            stream = step.stream_of(p.port)
            inside = p.pre in unit.members
            if p.plasticity or stream not in step.streams or not (inside or p.name in runner.plan.sent):
                continue
            first, _, _, latency, table = p.bound_transform
            latency = latency if table is None else table
            rows: Any = first.rows()  # a circuit has no other projections inside
            if inside and runner.graph.populations[p.pre].emits_numbers:
                graded.append(GradedProjection(p.pre, n, stream, rows, first.shared_weight(), latency))
            else:
                projections.append(
                    CircuitProjection(p.pre, n, stream, rows, first.circuit_weight(unit.stored), latency)
                )
    return projections, graded


class _Entering:
    """What the circuit takes of the population ``name``, with what comes from parts other than ``inside``, for all samples."""

    def __init__(self, runner: Runner, name: str, inside: Sequence[str], window: Window) -> None:
        cells, graph, single = runner.cells[name], runner.graph, window.samples == 1
        self.cells, self.dtype = cells, graph.dtype
        inflow, self.size = runner.arrivals.into(name, inside, window), known_shape(graph, name)[0]
        self.count = window.samples
        shape = self.count, self.size
        self.streams = streams_of(cells, inflow.ports, window.count, shape, window, silent=False, noisy=not single)
        noises = cells.step.system.noises if single else ()
        self.noises = {n: noise_key(graph.seed, cells.name, n, window.state.stream) for n in noises}
        self.states = cells.given(window.variables[name], window.count)
        single_spikes = not graph.populations[name].emits_numbers
        self.past = listed(window.history, name) if single and single_spikes else None
        self.history = window.history.get(name) if self.past is None else None
        self.drives = tuple(
            drive_with(graph, runner.drives[p.name], p.pre, window)
            for p in runner.arrivals.onto[name]
            if p.name in runner.drives
        )
        self.emission, self.kept = None, 0
        if graph.populations[name].emits_numbers:
            depth = 0 if self.history is None else self.history.shape[0]
            self.kept = window.count if runner.arrivals.read_outside(name, inside) else min(window.count, depth)
            self.emission = cells.emission if self.kept or depth else None

    def samples(self) -> CircuitPopulation:
        """That of all samples."""
        history = self.history
        if history is None:
            history = torch.zeros(0, self.count, self.size, dtype=self.dtype)
        return CircuitPopulation(
            self.cells.name, self.cells.step, self.size, self.states, self.cells.coefficients, self.streams, history,
            tuple(v for v in self.cells.record if v != "spikes"),
        )  # fmt: skip

    def sample(self, b: int) -> CircuitPopulation:
        """That of sample ``b``."""
        history = torch.zeros(0, self.size, dtype=self.dtype) if self.history is None else self.history[:, b]
        outside = {s: x[:, b if x.shape[1] > 1 else 0] for s, x in self.streams.items()}
        return CircuitPopulation(
            self.cells.name, self.cells.step, self.size, {k: v[b] for k, v in self.states.items()}, _of(self.cells.coefficients, b),
            outside, history, tuple(v for v in self.cells.record if v != "spikes"), self.drives, self.noises, self.emission,
            self.kept, None if self.past is None else self.past.spikes,
        )  # fmt: skip


def _of(coefficients: Mapping[str, Tensor], b: int) -> Mapping[str, Tensor]:
    """The coefficients of sample ``b``."""
    return {n: t[b if len(t) > 1 else 0] if t.ndim > 1 else t for n, t in coefficients.items()}


def _take(runner: Runner, name: str, inside: Sequence[str], window: Window, results: Sequence[CircuitResult]) -> None:
    """Put what the circuit made of a population into the window."""
    cells, dtype, before = runner.cells[name], runner.graph.dtype, window.variables[name]
    size = known_shape(runner.graph, name)[0]
    together = len(results) < window.samples
    if together:
        states, found = results[0].states[name], results[0].recorded[name]
    else:
        states = {k: torch.stack([r.states[name][k] for r in results]) for k in results[0].states[name]}
        found = {v: _samples([r.recorded[name][v] for r in results]) for v in results[0].recorded[name]}
    window.variables[name] = cells.after(before, states, window.count)
    if found:
        found = cells.counted(found, before, window.count, runner.every, window.start)
        window.recorded.update({(name, v): x for v, x in found.items()})
    spikes = [r.spikes[name] for r in results]

    def dense(last: int | None = None) -> Tensor:
        """Spikes [T, B, cells], or those of the last steps."""
        lists = spikes if last is None else [one.last(last) for one in spikes]
        if together:
            return lists[0].dense(window.samples * size, dtype).unflatten(1, (window.samples, size))
        found = [one.dense(size, dtype) for one in lists]
        return found[0].unsqueeze(1) if len(found) == 1 else torch.stack(found, 1)

    if window.samples == 1:
        window.spikes[name] = spikes[0]
    if "spikes" in cells.record and not runner.lists:
        window.recorded[name, "spikes"] = dense()
    if name in results[0].emitted:
        window.emissions[name] = torch.stack([r.emitted[name] for r in results], 1)
    elif runner.arrivals.read_outside(name, inside):
        window.emissions[name] = dense()
    if name in window.history and name not in results[0].emitted:
        if len(spikes) == 1:
            window.in_flight[name] = later(window.history, name, spikes[0])
        elif name not in window.emissions:
            window.emissions[name] = dense(window.history[name].shape[0])


def _samples(series: Sequence[Tensor]) -> Tensor:
    """The series [T, cells] of samples as [T, B, cells]; that of one sample is not copied."""
    return series[0].unsqueeze(1) if len(series) == 1 else torch.stack(list(series), 1)
