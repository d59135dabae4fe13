"""Calls of one shape of a chain of small populations: what each part does is found once, and every call only does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from ranvier.connectivity.operand import entry
from ranvier.kernels.provider import Kept
from ranvier.kernels.tasks import Scan
from ranvier.network.plan.built import part_of
from ranvier.network.run.bound_parts import BoundParts
from ranvier.network.run.execute import Execution
from ranvier.network.run.modes import watch
from ranvier.network.run.runner import Runner
from ranvier.network.run.starts import Starts
from ranvier.network.run.window import copy_if_shared
from ranvier.network.state.state import State, stream_of
from ranvier.network.warnings.unsound import warn_of_unsound

if TYPE_CHECKING:
    from ranvier.network.graph import Graph
    from ranvier.network.parts.projection import Projection
    from ranvier.network.plan.plan import Plan

__all__ = ["BoundChain", "bind_chain"]

Tensor = torch.Tensor
Way = Callable[[Tensor], Tensor]
Emissions = dict[str, Tensor]
#: what a module of the user raises where it cannot take, or does not give, what it should
_MISFITS = (RuntimeError, ValueError, TypeError, IndexError, AttributeError)


class BoundChain(BoundParts):
    """A call of a graph for one shape, as its plan has it, as long as :meth:`holds`; for several threads at once."""

    def __init__(self, graph: Graph, runner: Runner, starts: State, count: int) -> None:
        kept = [Kept(n, v, tuple(t.shape), t.dtype) for n, own in starts.variables.items() for v, t in own.items()]
        super().__init__(graph, kept, list(graph.inputs))
        self.count = count
        self._initial = [t for own in starts.variables.values() for t in own.values()]
        self._stages = [_stage(runner, unit.members[0], starts, count) for unit in runner.plan.units]

    def run(self, x: Tensor, state: State | None, stream: int | None) -> Execution | None:
        """A call; None where it must be run, or refused, the long way."""
        inputs, given = self.plainly(x), self._initial if state is None else self.given(state)
        if inputs is None or given is None:
            return None
        if state is not None and not all(
            t.shape == like.shape and t.dtype == like.dtype and t.is_contiguous() and not t.requires_grad
            for t, like in zip(given, self._initial, strict=True)
        ):
            return None
        before: dict[str, dict[str, Tensor]] = {}
        for (n, v), t in zip(self._kept, given, strict=True):
            before.setdefault(n, {})[str(v)] = t
        emissions: Emissions = {**inputs}
        after: dict[str, Mapping[str, Tensor]] = {}
        recorded: dict[tuple[str, str], Tensor] = {}
        try:
            for stage in self._stages:
                stage.run(emissions, before, after, recorded)
        except _MISFITS:  # the long way says what is wrong
            return None
        made = [after[n][str(v)] for n, v in self._kept]
        stream = stream_of(stream) if state is None or stream is not None else state.stream
        run = Execution(recorded, self.state(made, self.count + (0 if state is None else state.step), stream))
        warn_of_unsound(self.graph, inputs, run.state)
        watch(recorded.values())
        return run


class _Passing:
    """A relay: it emits its arrivals."""

    def __init__(self, name: str, ways: list[tuple[str, str, Way]], record: tuple[str, ...]) -> None:
        self.name, self.ways, self.record = name, ways, record

    def run(self, emissions: Emissions, before: Any, after: Any, recorded: dict[tuple[str, str], Tensor]) -> None:
        x = _arrivals(self.ways, emissions)["x"]
        for v in self.record:
            recorded[self.name, v] = copy_if_shared(x, emissions.values())
        emissions[self.name] = x


class _Scanned:
    """A population that a provider runs by itself."""

    def __init__(
        self, runner: Runner, name: str, ways: list[tuple[str, str, Way]], shape: tuple[int, ...], count: int
    ) -> None:
        cells, graph = runner.cells[name], runner.graph
        self.name, self.ways, self.cells, self.count, self.shape = name, ways, cells, count, shape
        self.provided, self.dtype, self.dt = part_of(runner.plan, name), graph.dtype, graph.dt
        step = self.step = cells.step
        output = cells.emission
        wanted = dict.fromkeys((*(() if output is None else (output,)), *map(step.output_of, cells.record)))
        self.wanted, self.spent = tuple(wanted), frozenset(map(step.stream_of, runner.arrivals.single(name)))
        arriving = {port for port, _, _ in ways}
        self.streams = [(step.stream_of(port), port) for port in arriving]
        silent = torch.zeros((1,) * (len(shape) + 1), dtype=graph.dtype, device=graph.device)
        self.silent = {s: silent for s in step.streams if s not in {s for s, _ in self.streams}}
        self.recorded = [((name, v), step.output_of(v)) for v in cells.record]

    def run(
        self, emissions: Emissions, before: dict[str, dict[str, Tensor]], after: dict[str, Mapping[str, Tensor]],
        recorded: dict[tuple[str, str], Tensor],
    ) -> None:  # fmt: skip
        ports, whole = _arrivals(self.ways, emissions), (self.count, *self.shape)
        streams = dict(self.silent)
        for stream, port in self.streams:
            x = ports[port]
            x = x if x.dtype is self.dtype else x.to(self.dtype)
            streams[stream] = x if x.shape == whole else x.expand(whole)
        numbers = self.cells.population.coefficients_in_use(self.step, self.dt)
        found = self.provided(
            Scan(
                self.step, self.count, self.shape, self.dtype, streams, before[self.name], numbers, self.wanted, self.cells.cuts, {},
                self.spent,
            )
        )  # fmt: skip
        if self.cells.emission is not None:
            emissions[self.name] = found.emitted[self.cells.emission]
        for key, output in self.recorded:
            recorded[key] = found.emitted[output]
        after[self.name] = found.states


def _arrivals(ways: list[tuple[str, str, Way]], emissions: Emissions) -> dict[str, Tensor]:
    """What arrives at each port: the sum over projections."""
    out: dict[str, Tensor] = {}
    for port, pre, way in ways:
        value = way(emissions[pre])
        out[port] = out[port] + value if port in out else value
    return out


def _stage(runner: Runner, name: str, starts: State, count: int) -> _Passing | _Scanned:
    ways = [(p.port, p.pre, _way(runner, p, count)) for p in runner.arrivals.onto[name]]
    if name not in runner.cells:
        return _Passing(name, ways, tuple(runner.record.get(name, ())))
    return _Scanned(runner, name, ways, tuple(next(iter(starts.variables[name].values())).shape), count)


def _way(runner: Runner, p: Projection, count: int) -> Way:
    """What a projection does to emissions [T, B, …]."""
    carrier, operands = part_of(runner.plan, p.name), p.chain.operands
    k = entry(operands)
    if any(o.map.time_major for o in operands) or (k < len(operands) and operands[k].map.event_path):
        return partial(p.forward, history=None, steps=count, carrier=carrier)  # pyright: ignore[reportArgumentType]  (no latency)
    maps = [partial(o.run, carrier=carrier) for o in operands]

    def way(x: Tensor) -> Tensor:
        lead, flat = x.shape[:2], x.flatten(0, 1)
        for run in maps:
            flat = run(flat)
        return flat.unflatten(0, lead) if maps else x

    return way


def bind_chain(
    graph: Graph, plan: Plan, starts: Starts, record: Mapping[str, tuple[str, ...]], count: int
) -> BoundChain | None:
    """What serves calls like this one; None where parts do more than one after the other, each over all steps."""
    first, projections = starts.same, graph.projections.values()
    if (
        first is None
        or first.history
        or first.synapses
        or not count
        or len(graph.inputs) != 1
        or graph.sources
        or graph.values
    ):
        return None
    if plan.hooked or plan.window or plan.checkpoint or any(u.how != "scan" or len(u.members) != 1 for u in plan.units):
        return None
    if any(r.size is not None for r in graph.relays.values()):
        return None
    if any(p.plasticity or p.per_synapse or p.depth for p in projections):
        return None
    if any(t.settles or t.by_sequence or t.mixes() for p in projections for t in p.chain.transforms):
        return None
    with torch.no_grad():
        runner = Runner(graph, plan, record)
    if any(runner.arrivals.apart(p) for p in projections) or any(not _simple(c) for c in runner.cells.values()):
        return None
    return BoundChain(graph, runner, first, count)


def _simple(cells: Any) -> bool:
    """Whether a population reads arrivals and its own numbers only, and has a variable that is neither a time nor a count."""
    step, population = cells.step, cells.population
    plain = not (step.exact or step.counters or step.system.noises or step.clock.outputs or cells.times)
    return plain and bool(step.states) and not population.normalises and not cells.asked
