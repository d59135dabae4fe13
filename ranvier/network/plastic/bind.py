"""Fitting a rule of plasticity to the two cells of a projection, and what that means for the order of the network."""

from __future__ import annotations

from math import inf, isfinite
from operator import itemgetter
from typing import TYPE_CHECKING

import sympy as sp
import torch

from ranvier._warn import warn
from ranvier.dynamics.functions import folded
from ranvier.dynamics.plasticity import why_eager
from ranvier.network.order import Edge, GraphError
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
        given = getattr(rule, "__name__", repr(rule))
        what = f"call it, as in {given}(…), or " * callable(rule)
        raise GraphError(f"plasticity={given} is not a rule: {what}give rv.Plasticity(…) or one of rv.plasticity.")
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
    if not weight.numel():
        return
    known = [(number, limit) for limit in bound.limits("w") if (number := _number(limit.value, bound)) is not None]
    bottom, low = max(((v, x) for v, x in known if not x.upper), key=itemgetter(0), default=(-inf, None))
    top, high = min(((v, x) for v, x in known if x.upper), key=itemgetter(0), default=(inf, None))
    slack = 1e-6 * max((abs(v) for v in (bottom, top) if isfinite(v)), default=0.0)
    smallest, largest = float(weight.detach().min()), float(weight.detach().max())
    limit, side = (
        (high, "upper") if largest > top + slack else (low, "lower") if smallest < bottom - slack else (None, "")
    )
    if limit is None:
        return
    span = f"at most {top:g}" if low is None else f"at least {bottom:g}" if high is None else f"{bottom:g} to {top:g}"
    called = f", {limit.value}" if limit.value.free_symbols else ""
    warn(
        f"{name}: weights start from {smallest:g} to {largest:g}, but {bound.rule.name} clips them to {span} at their first "
        f"change: give weights within, or another {side} limit{called}."
    )


def _number(limit: sp.Expr, bound: BoundPlasticity) -> float | None:
    """A limit of numbers and parameters in base units; None where a parameter is not one given number."""
    values = {}
    for symbol in limit.free_symbols:
        given = bound.rule.values.get(str(symbol))
        if given is None or isinstance(given, Distribution | Learn) or as_quantity(given).shape != ():
            return None
        values[symbol] = sp.Float(float(as_quantity(given).value))
    number = folded(limit.xreplace(values))
    return float(number) if number.is_Number else None


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
    """How a circuit updates the synapses of each plastic projection, and why."""
    lazily = "lazily and exactly: a synapse is brought up to date when a spike arrives there"
    out = {}
    for p in graph.projections.values():
        if p.plasticity:
            reason = why_eager(p.plasticity)
            out[p.name] = f"eagerly, every synapse in every step: {reason}" if reason else lazily
    return out
