"""One call's view of a network: every part over a window, by the kernel its plan names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from ranvier.dynamics import Step
from ranvier.errors import ShapeError
from ranvier.kernels import eager
from ranvier.kernels.tasks import Feed, Fused, Scan, ScanResult, Spikes
from ranvier.network.order import GraphError
from ranvier.network.parts.projection import Projection
from ranvier.network.plan.built import part_of, unit_of
from ranvier.network.plan.drives import drives
from ranvier.network.plan.plan import Plan, Unit
from ranvier.network.plastic.synapses import PlasticSynapses
from ranvier.network.run._circuit import compiled_loop
from ranvier.network.run._cycle import cycle
from ranvier.network.run._noise import noise_block
from ranvier.network.run.again import Again
from ranvier.network.run.modes import own_precision, watch_backward
from ranvier.network.run.refractory import refractory_of
from ranvier.network.run.resets import reads_spikes
from ranvier.network.run.upstream import upstream
from ranvier.network.run.window import Window, add_arrival, copy_if_shared
from ranvier.network.state.state import State
from ranvier.units.steps import times_at

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["Runner"]

Tensor = torch.Tensor


class Runner:
    """Coefficients are computed once, streams are looked up by name.

    ``every`` is the recording interval in steps of compiled loops and of synapses; other parts record every step.
    ``own_cuts`` are the paths that a gradient may take in each population. ``lists`` says that spikes of compiled loops are wanted as lists (``self.spikes``) rather than as streams;
    ``self.trains`` are the spikes of sources that loops take as lists.
    """

    def __init__(
        self, graph: Graph, plan: Plan, record: Mapping[str, tuple[str, ...]], every: int = 1, lists: bool = False
    ) -> None:
        self.graph, self.plan, self.record, self.every, self.lists = graph, plan, record, every, lists
        cuts = self.cuts = plan.cuts
        self.spikes: dict[str, Spikes] = {}
        self.again: Again | None = None
        self.trains: dict[str, Spikes] = {}
        self.dtype = graph.dtype
        self.incoming = {n: [p for p in graph.projections.values() if p.post == n] for n in graph.nodes}
        self.steps: dict[str, Step] = {n: graph.step(n, cuts.times) for n in graph.populations}
        self.own_cuts = {n: cuts.of(reads_spikes(graph, n, record.get(n, ()))) for n in graph.populations}
        self.drives = drives(graph, plan)
        self.plastic = {
            n: PlasticSynapses(p, graph.dt, self.dtype, graph.seed)
            for n, p in graph.projections.items()
            if p.plasticity
        }
        self.coefficients = {n: p.coefficients_in_use(self.steps[n], graph.dt) for n, p in graph.populations.items()}
        self.refractory = {
            n: refractory_of(p, self.steps[n], graph.dt) for n, p in graph.populations.items() if self.steps[n].counters
        }
        for n, period in self.refractory.items():
            self.coefficients[n] |= period.coefficient

    def run(
        self, inputs: Mapping[str, Tensor], count: int, state: State
    ) -> tuple[dict[tuple[str, str], Tensor], State]:
        """All parts over one window: what was recorded, and the state after."""
        window = self.window(inputs, count, state)
        return window.recorded, window.after()

    def window(self, inputs: Mapping[str, Tensor], count: int, state: State) -> Window:
        """All parts over one window, without autocast."""
        window = Window(inputs, count, state)
        with own_precision():
            for unit in self.plan.units:
                if unit.how == "scan":
                    self._advance_alone(unit.members[0], window)
                elif unit.how == "loop":
                    compiled_loop(self, unit, window)
                elif unit.how == "windows":
                    cycle(self, unit.members, unit.window, window)
                else:
                    self._fused(unit, window)
        watch_backward(window.recorded.values())
        return window

    def carry(self, projection: Projection, x: Tensor | None, history: Tensor | None, count: int) -> Tensor:
        """What a projection brings during ``count`` steps."""
        if history is None:
            if x is None:
                raise ShapeError(f"projection {projection.name!r} has neither emissions nor a history to carry.")
            history = x[:0]
        if self._apart(projection):
            x, history = None if x is None else x.detach(), history.detach()
        return projection(x, history, steps=count, carrier=part_of(self.plan, projection.name))

    def _split(self, projection: Projection) -> bool:
        return self.cuts.split and projection.post in self.graph.populations

    def _apart(self, projection: Projection) -> bool:
        """Whether a projection passes no gradient on to the cells before it (or another way: :meth:`direct`)."""
        late = bool(projection.depth) and not self.cuts.recurrent_spikes
        return late or not self.cuts.layers or self._split(projection)

    def direct(
        self, projection: Projection, x: Tensor | None, history: Tensor | None, arrived: Tensor
    ) -> Tensor | None:
        """The way back to the cells before, where it is another than that to the weights; zeros like ``arrived``."""
        late = bool(projection.depth) and not self.cuts.recurrent_spikes
        some = x if x is not None else history
        if not self._split(projection) or late or some is None:
            return None
        if not any(t is not None and t.requires_grad for t in (x, history)):
            return None
        return upstream(projection, some[:0] if x is None else x, history, arrived)

    def from_outside(
        self, name: str, inside: Sequence[str], window: Window, without: Sequence[str] = ()
    ) -> list[tuple[str, Tensor, Tensor | None]]:
        """(port, arrivals, way back) of projections from parts other than ``inside``; plastic ones run with the cycle."""
        out: list[tuple[str, Tensor, Tensor | None]] = []
        for p in self.incoming[name]:
            if p.pre not in inside and p.name not in (*without, *self.drives) and not p.plasticity:
                x, history = window.emissions[p.pre], window.history.get(p.pre)
                value = self.carry(p, x, history, window.count)
                out.append((p.port, value, self.direct(p, x, history, value)))
        return out

    def _advance_alone(self, name: str, window: Window) -> None:
        arrivals: dict[str, Tensor] = {}
        direct: dict[str, Tensor] = {}
        for port, value, back in self.from_outside(name, (), window):
            add_arrival(arrivals, port, value)
            if back is not None:
                add_arrival(direct, port, back)
        self.advance(name, arrivals, window, direct)

    def scan(
        self, name: str, arrivals: Mapping[str, Tensor], window: Window, first: int = 0, count: int | None = None,
        emits: bool = True, direct: Mapping[str, Tensor] | None = None, steady: bool = False,
    ) -> Scan:  # fmt: skip
        """The task of one population over ``count`` steps from step ``first`` of the window; ``emits`` if others read it.

        ``steady`` leaves a stream that is the same at all steps as one row.
        """
        step, population = self.steps[name], self.graph.populations[name]
        count = window.count if count is None else count
        before = self.given(name, window.variables[name], count)
        emit = population.cell.emit if emits else None
        wanted = tuple(
            dict.fromkeys(step.output_of(v) for v in (*([emit] if emit else []), *self.record.get(name, ())))
        )
        some = next(iter(before.values()), None)
        shape = tuple(some.shape) if some is not None else tuple(next(iter(arrivals.values())).shape[1:])
        streams = self.streams(name, arrivals, count, shape, window, first, steady)
        back = {self.stream_of(name, port): x for port, x in (direct or {}).items()}
        if self.cuts.times:  # what goes back is the derivative of the time of arrival, a stream of its own
            streams |= {s: x for port, x in (direct or {}).items() if (s := step.shift_of(port)) is not None}
            back = {}
        window.streams.setdefault(name, []).append(streams)
        return Scan(
            step, count, shape, self.dtype, streams, before, self.coefficients[name], wanted, self.own_cuts[name], back
        )  # fmt: skip

    def given(self, name: str, variables: Mapping[str, Tensor], count: int) -> Mapping[str, Tensor]:
        """The variables of a population as a provider takes them for ``count`` steps."""
        period = self.refractory.get(name)
        return variables if period is None else period.given(variables, self.dtype, count)

    def after(
        self, name: str, before: Mapping[str, Tensor], states: Mapping[str, Tensor], count: int
    ) -> dict[str, Tensor]:
        """The variables of a population ``count`` steps later, from what a provider gave back."""
        period = self.refractory.get(name)
        return dict(states) if period is None else period.after(before, states, count)

    def take(self, name: str, result: ScanResult, window: Window, count: int | None = None) -> dict[str, Tensor]:
        """Put a scan's result into the window; returns what was recorded."""
        steps = window.count if count is None else count
        window.variables[name] = self.after(name, window.variables[name], result.states, steps)
        emit, step = self.graph.populations[name].cell.emit, self.steps[name]
        if emit and step.output_of(emit) in result.emitted:
            window.emissions[name] = result.emitted[step.output_of(emit)]
        return {v: result.emitted[step.output_of(v)] for v in self.record.get(name, ())}

    def advance(
        self, name: str, arrivals: Mapping[str, Tensor], window: Window, direct: Mapping[str, Tensor] | None = None
    ) -> None:
        """One population, or relay, over the whole window."""
        if name not in self.graph.populations:
            if "x" not in arrivals:
                raise GraphError(f"nothing arrives at the relay {name!r}: connect something to it.")
            for v in self.record.get(name, ()):
                window.recorded[name, v] = copy_if_shared(arrivals["x"], window.emissions.values())
            window.emissions[name] = arrivals["x"]
            return
        recorded = self.advanced(name, arrivals, window, direct=direct, spent=self._spent(name))
        window.recorded.update({(name, v): x for v, x in recorded.items()})

    def advanced(
        self, name: str, arrivals: Mapping[str, Tensor], window: Window, first: int = 0, count: int | None = None,
        direct: Mapping[str, Tensor] | None = None, spent: frozenset[str] = frozenset(),
    ) -> dict[str, Tensor]:  # fmt: skip
        """One population over ``count`` steps, its hooks included: what was recorded."""
        recorded: dict[str, Tensor] = {}

        def run(arrivals: Mapping[str, Tensor]) -> Tensor | None:
            task = replace(self.scan(name, arrivals, window, first, count, direct=direct), spent=spent)
            recorded.update(self.take(name, self.compute(name, task), window, count))
            return window.emissions.get(name)

        if name not in self.plan.hooked:
            run(arrivals)
            return recorded
        population = self.graph.populations[name]
        emitted = population(arrivals, run=run)
        if emitted is not None and emitted is not window.emissions[name]:  # a hook gave another output
            step, emit = self.steps[name], population.cell.emit or ""
            for v in recorded:
                if step.output_of(v) == step.output_of(emit):
                    recorded[v] = emitted
            window.emissions[name] = emitted
        return recorded

    def _spent(self, name: str) -> frozenset[str]:
        """Streams that nobody but the population reads: what a single projection has just computed for one port."""
        ports, hooked = [p.port for p in self.incoming[name]], self.plan.hooked
        return frozenset(
            self.stream_of(name, p.port)
            for p in self.incoming[name]
            if ports.count(p.port) == 1 and p.lets_go and p.name not in hooked and name not in hooked
        )

    def compute(self, name: str, task: Scan) -> ScanResult:
        """A scan by the provider of the plan."""
        return part_of(self.plan, name)(task)

    def _fused(self, unit: Unit, window: Window) -> None:
        """Several populations as one differentiable operation."""
        results = self.again.run(self, unit, window) if self.again is not None and unit.again else None
        for n, result in (unit_of(self.plan, unit)(self.loop(unit, window)) if results is None else results).items():
            window.recorded.update({(n, v): x for v, x in self.take(n, result, window).items()})

    def loop(self, unit: Unit, window: Window) -> Fused:
        """The task of several populations together."""
        members, feedback, feeds, names = {}, [], [], unit.members
        for n in names:
            arrivals: dict[str, Tensor] = {}
            for port, value, _ in self.from_outside(n, names, window, unit.feeds):
                add_arrival(arrivals, port, value)
            for p in self.incoming[n]:
                bias = None
                if p.name in unit.feeds:
                    bias, weight = p.transform.constant, p.transform.effective_weight()
                    feeds.append(Feed(n, self.stream_of(n, p.port), window.emissions[p.pre], weight))
                elif p.pre in names:
                    past = window.history.get(p.pre)
                    past = past.detach() if past is not None and self._apart(p) else past
                    bias, found = p.feedback(past, self.stream_of(n, p.port))
                    feedback += found
                if bias is not None:
                    add_arrival(arrivals, p.port, bias)
            readers = [p for p in self.graph.projections.values() if p.pre == n and p.post not in names]
            members[n] = self.scan(
                n, arrivals, window, emits=n in window.history or bool(readers), steady=self.cuts.joined
            )
        return Fused(members, tuple(feedback), unit.window, tuple(feeds))

    def stream_of(self, name: str, port: str) -> str:
        """The stream of a population's step that arrivals at ``port`` are."""
        return self.steps[name].stream_of(port)

    def streams(
        self,
        name: str,
        arrivals: Mapping[str, Tensor],
        count: int,
        shape: tuple[int, ...],
        window: Window,
        first: int = 0,
        steady: bool = False,
    ) -> dict[str, Tensor]:
        """Everything a population's step reads over time: arrivals (one row if ``steady``), noise, the time itself."""
        out, step, start = {}, self.steps[name], window.start + first
        ports = {step.stream_of(p): p for p in arrivals}
        for stream in step.streams:
            if stream in ports:
                x = arrivals[ports[stream]]
                rows = 1 if steady and (x.ndim <= len(shape) or x.shape[0] == 1) else count
                try:
                    out[stream] = x.to(self.dtype).expand(rows, *shape)
                except RuntimeError:
                    raise ShapeError(
                        f"what arrives at {name}.{ports[stream]} has shape {tuple(x.shape)} [T, B, …], but the population holds {shape} [B, …]."
                    ) from None
            elif stream in step.clock.outputs:
                continue
            elif stream in step.system.noises:
                noise = noise_block(self.graph.seed, f"{name}.{stream}", window.state.stream, start, count, shape)
                out[stream] = noise.to(self.graph.device, self.dtype)
            else:
                out[stream] = torch.zeros((1,) * (len(shape) + 1), dtype=self.dtype, device=self.graph.device)
        return out | self._timed(name, start, count, len(shape))

    def _timed(self, name: str, start: int, count: int, rank: int) -> dict[str, Tensor]:
        """The streams of a population that the time decides, over steps from ``start``."""
        step = self.steps[name]
        if not step.clock.outputs:
            return {}
        times = torch.from_numpy(times_at(np.arange(start, start + count), self.graph.dt)).to(self.graph.device)
        made = eager.clock(step, self.coefficients[name], times, rank)
        return {n: x.to(self.dtype) for n, x in made.items()}
