"""A network as a step graph: populations, projections and delay lines of one sample, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch

from ranvier.dynamics import COUNTER, TIME, WHOLE, Step
from ranvier.errors import ProviderError
from ranvier.kernels.step import Add, Advance, Builder, DelayPop, DelayPush, Fill, StepGraph
from ranvier.network.order import Edge, arrange
from ranvier.network.parts.population import emission_of
from ranvier.network.plan.hooks import has_hook, hooked_parts
from ranvier.network.precision import in_float32
from ranvier.network.run.refractory import Refractory, refractory_of
from ranvier.network.shapes import shapes_known, unknown_shape
from ranvier.network.state.check import check_state
from ranvier.units.steps import as_quotient

if TYPE_CHECKING:
    from ranvier.network.graph import Graph
    from ranvier.network.network import Network
    from ranvier.network.parts.projection import Projection
    from ranvier.network.state.state import State

__all__ = ["step_graph"]


def step_graph(
    net: Network, state: State | None = None, *, shapes: Mapping[str, tuple[int, ...]] | None = None
) -> StepGraph:
    """What ``net`` does in one step for one sample, as nodes that can be printed as C99 or run with NumPy.

    Parameters
    ----------
    state
        The first state, of one sample; a fresh state by default.
    shapes
        Shapes of inputs that were declared without one.

    Raises
    ------
    ProviderError
        For sources, noise, plastic synapses and hooks, and for transforms without a node; the message names the part.
    StateError
        For a state of several samples, of another network or of another step length.
    ShapeError
        For a part whose size is not known.

    >>> graph = rv.step_graph(net)
    >>> from ranvier.kernels.step import c99
    >>> text = c99(graph)
    """
    _refuse(net)
    known = shapes_known(net.graph, {**{n: s for n, s in net.inputs.items() if s is not None}, **(shapes or {})})
    unknown = [n for n in net.nodes if n not in known]
    if unknown:
        raise unknown_shape(unknown[0])
    with torch.no_grad():
        state = net.initial_state(1, shapes=known) if state is None else check_state(net.graph, state, 1).detach()
        return _Writing(net.graph, state, known).written()


def _refuse(net: Network) -> None:
    in_float32(net.graph, "rv.step_graph")
    if net.sources:
        raise ProviderError(
            f"a step graph has no sources, but the network has {next(iter(net.sources))!r}: make it an input and give its emissions."
        )
    for n, p in net.projections.items():
        if p.plasticity is not None:
            raise ProviderError(f"a step graph has fixed weights, but projection {n!r} is plastic.")
    for n, p in net.populations.items():
        if p.cell.system.noises:
            raise ProviderError(
                f"a step graph has no random numbers, but the equations of {n!r} hold {p.cell.system.noises[0]}."
            )
    hooked = sorted(hooked_parts(net.graph))
    if hooked or has_hook(net):
        where = repr(hooked[0]) if hooked else "the network"
        raise ProviderError(f"a step graph calls no hooks, but {where} has one: remove it.")


class _Writing:
    def __init__(self, graph: Graph, state: State, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self.graph, self.state, self.shapes = graph, state, shapes
        self.to = Builder(str(graph.dtype).removeprefix("torch."), as_quotient(graph.dt), state.step)
        self.emitted: dict[str, str] = {n: self.to.given(n, shapes[n], "input") for n in graph.inputs}
        self.lines: dict[str, str] = {}
        for n, depth in graph.depths().items():
            past = state.history[n][-depth:, 0]
            self.lines[n] = self.to.state(f"{n}_line", past.flatten(1).numpy())

    def written(self) -> StepGraph:
        graph = self.graph
        edges = [Edge(p.name, p.pre, p.post, p.shortest) for p in graph.projections.values()]
        for part in arrange(graph.nodes, edges):
            for n in part.members:
                if n in graph.populations:
                    self._population(n)
                elif n in graph.relays:
                    self.emitted[n] = self._arrivals(n, "x")
        for n, line in self.lines.items():
            self.to.add(DelayPush(self.emitted[n], line))
        for n in graph.outputs:
            out = self.to.given(n, self.shapes[n], "output")
            self.to.add(Fill(out))
            self.to.add(Add(self.emitted[n], out))
        return self.to.graph()

    def _population(self, name: str) -> None:
        graph, to, population = self.graph, self.to, self.graph.populations[name]
        step = graph.step(name)
        cells = int(np.prod(self.shapes[name]))
        coefficients = population.coefficients(step, graph.dt)
        if step.counters:
            period = refractory_of(graph, population, step)
            coefficients |= {n: c.clone() for n, c in period.coefficient.items()}
            self._countable(name, period)
        reads = {s: self._arrivals(name, step.port_of(s)) for s in step.streams if s not in step.clock.outputs}
        reads |= self._clock(name, step, coefficients)
        kept = {
            n: to.state(f"{name}_{n}", v[0].numpy(), n in step.exact) for n, v in self.state.variables[name].items()
        }
        writes = {n: kept[n] for n in (*step.states, *step.counters)}
        if population.cell.emit is not None:
            emission = step.output_of(emission_of(population))
            self.emitted[name] = writes[emission] = to.scratch(f"{name}_emitted", self.shapes[name])
        program = WHOLE.apply(step).only(tuple(writes))
        for label, value in coefficients.items():
            if label not in program.reads:
                continue
            spread = value if value.numel() == 1 else value.expand(self.shapes[name])
            reads[label] = to.constant(f"{name}_{label}", spread.numpy(), "float64" if step.exact else None)
        used = {n: b for n, b in {**reads, **kept}.items() if n in program.reads}
        to.add(Advance(program, cells, used, writes, exact=bool(step.exact)))

    def _clock(self, name: str, step: Step, coefficients: Mapping[str, torch.Tensor]) -> dict[str, str]:
        """Streams that the time decides, evaluated in float64 before the cells."""
        if not step.clock.outputs:
            return {}
        known = {n: v if v.numel() == 1 else v.expand(self.shapes[name]) for n, v in coefficients.items()}
        reads = {
            n: self.to.constant(f"{name}_{n}", known[n].numpy(), "float64")
            for n in step.timing
            if n in step.clock.reads
        }
        cells = max((known[n].numel() for n in reads), default=1)
        shape = self.shapes[name] if cells > 1 else (1,)
        writes = {n: self.to.scratch(f"{name}_{n}", shape, n in step.exact) for n in step.clock.outputs}
        self.to.add(Advance(step.clock, cells, reads, writes, TIME))
        return writes

    def _countable(self, name: str, period: Refractory) -> None:
        if period.long or bool((self.state.variables[name][COUNTER] > period.most).any()):
            raise ProviderError(
                f"a step graph counts at most {period.most} refractory steps, but {name!r} waits longer."
            )

    def _arrivals(self, name: str, port: str) -> str:
        arriving = [p for p in self.graph.projections.values() if (p.post, p.port) == (name, port)]
        total = self.to.scratch(f"{name}_{port}", self.shapes[name])
        self.to.add(Fill(total))
        for p in arriving:
            self.to.add(Add(self._carried(p), total))
        return total

    def _carried(self, p: Projection) -> str:
        operands = p.chain.evaluated
        if p.per_synapse:
            x = operands[0].lower_delayed(self.to, lambda k: self._past(p.pre, k), p.bound_transform, p.name)
            operands = operands[1:]
        else:
            x = self._past(p.pre, p.latency)
        for operand in operands:
            x = operand.lower(self.to, x, p.name)
        return x

    def _past(self, name: str, lag: int) -> str:
        """What a part emitted ``lag`` steps ago."""
        if not lag:
            return self.emitted[name]
        found = self.to.scratch(f"{name}_{lag}_ago", self.shapes[name])
        self.to.add(DelayPop(self.lines[name], found, lag))
        return found
