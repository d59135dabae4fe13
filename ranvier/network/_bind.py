"""Fitting a rule of plasticity to the two cells of a projection, and what that means for the order of the network."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import torch

from ranvier.errors import RanvierWarning
from ranvier.network._graph import Edge, GraphError
from ranvier.network._row_rule import not_row_rule
from ranvier.units import as_quantity
from ranvier.values import Distribution, Learn

if TYPE_CHECKING:
    from ranvier.network.graph import Graph
    from ranvier.synapses import BoundPlasticity, Plasticity
    from ranvier.units import Dimension

__all__ = ["bind_rule", "plastic_edges", "update_of", "warn_of_limits"]


def bind_rule(graph: Graph, rule: Plasticity, pre: str, post: str, port: str) -> BoundPlasticity:
    """The rule for synapses from ``pre`` to ``port`` of ``post``.

    Raises
    ------
    GraphError
        Where the rule's code waits for spikes that a cell never fires.
    """
    from ranvier.synapses import Plasticity  # what circuits with fixed weights never use

    if not isinstance(rule, Plasticity):
        raise GraphError(f"plasticity={rule!r} is not a rule: give rv.Plasticity(…) or one of rv.plasticity.")
    if post not in graph.populations:
        raise GraphError(f"plastic synapses end at cells, but {post!r} is a relay: give it a population.")
    ends = [("on_post", post)] if rule.on_post else []
    ends += [("on_pre", pre)] if rule.on_pre and pre in graph.populations else []
    for code, end in ends:
        if graph.populations[end].cell.emit != "spike":
            raise GraphError(
                f"plasticity: {code} of {rule.name} waits for spikes, but {end!r} does not fire: give its cell a threshold."
            )
    if pre in graph.sources and graph.sources[pre].lag == 0:
        raise GraphError(f"{pre!r} is a signal, but plastic synapses take spikes: connect a source or cells that fire.")
    cells = graph.populations[post].cell.system
    return rule.bind(cells.dimensions[port], _variables(graph, pre), _variables(graph, post))


def warn_of_limits(name: str, bound: BoundPlasticity, weight: torch.Tensor) -> None:
    """Warn where weights start outside what the rule will clip them to."""
    for low, high in bound.limits("w"):
        ends = [float(e) if e.is_Number else bound.rule.values.get(str(e)) for e in (low, high)]
        if any(e is None or isinstance(e, Distribution | Learn) for e in ends):
            continue
        least, most = map(as_quantity, ends)
        if least.shape != () or most.shape != () or not weight.numel():
            continue
        bottom, top = float(least.value), float(most.value)
        slack = 1e-6 * max(abs(bottom), abs(top))
        smallest, largest = float(weight.detach().min()), float(weight.detach().max())
        if smallest < bottom - slack or largest > top + slack:
            warnings.warn(
                f"{name}: weights start from {smallest:g} to {largest:g}, but {bound.rule.name} clips them to {bottom:g} to "
                f"{top:g} at their first change: give weights within, or another upper limit, {high}.",
                RanvierWarning,
                stacklevel=5,
            )


def _variables(graph: Graph, part: str) -> dict[str, Dimension]:
    if part not in graph.populations:
        return {}
    system = graph.populations[part].cell.system
    return {n: system.dimensions[n] for n in system.states}


def plastic_edges(graph: Graph) -> list[Edge]:
    """What rules see of cells, as edges of one step: such cells must be advanced together, step by step."""
    edges = []
    for p in graph.projections.values():
        if p.plasticity:
            edges.append(Edge(f"{p.name} (rule)", p.post, p.post, 1))
            if p.plasticity.reads("pre"):
                edges.append(Edge(f"{p.name} (reads {p.pre})", p.post, p.pre, 1))
    return edges


def update_of(graph: Graph) -> dict[str, str]:
    """How a compiled loop updates the synapses of each plastic projection, and why."""
    lazily = "lazily and exactly: a synapse is brought up to date when a spike arrives there"
    out = {}
    for p in graph.projections.values():
        if p.plasticity:
            reason = not_row_rule(p.plasticity)
            out[p.name] = f"eagerly, every synapse in every step: {reason}" if reason else lazily
    return out
