"""Warnings at the start of a network: cells above their threshold, and steps far longer than a time constant.

The step is compared with the time constant of each variable at the start. Three time constants leave 5 % of a value: an
exponential rule is then still stable, but it misses the course within a step. Explicit rules (euler, rk2, rk4) are
unstable from two time constants on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

import sympy as sp
import torch

from ranvier._warn import warn
from ranvier.dynamics import Program, System, derivative
from ranvier.kernels import eager
from ranvier.network.parts.population import Population

if TYPE_CHECKING:
    from ranvier.network.graph import Graph
    from ranvier.network.state.state import State

__all__ = ["warn_of_starts"]

Tensor = torch.Tensor
_MOST = {"euler": 2.0, "rk2": 2.0, "rk4": 2.0}
_FORGOTTEN = 3.0
_DT = sp.Symbol("dt")


def warn_of_starts(graph: Graph, state: State) -> None:
    """Warn of a network's first state, once per network and again after a new population."""
    parts = tuple(graph.populations)
    if parts == graph.memo.started:
        return
    graph.memo.started = parts
    for name, population in graph.populations.items():
        for sentence in (
            _above(graph, population, state.variables[name]),
            _coarse(graph, population, state.variables[name]),
        ):
            if sentence is not None and graph.memo.new(sentence):
                warn(sentence)


def _above(graph: Graph, population: Population, start: Mapping[str, Tensor]) -> str | None:
    """The warning for a cell that starts beyond its threshold; drawn starts may have such a tail, and norms learn their level."""
    system = population.cell.system
    event = next((e for e in system.events if e.name == "spike"), None)
    if event is None or population.membrane_norm is not None:
        return None
    found = _values(graph, population, start, {"above": event.condition}).get("above")
    if found is None or not bool((found != 0).any()):
        return None
    level = min((n for n in system.states if sp.Symbol(n) in event.condition.free_symbols), default=None)
    if level in population.drawn_starts:
        return None
    where = torch.nonzero(found.expand_as(next(iter(start.values()))))[0].tolist()
    at = "" if level is None else f" ({level} = {float(start[level][tuple(where)]):g} {system.dimensions[level]})"
    return (
        f"population {population.name!r}: cell {where[1] if len(where) == 2 else tuple(where[1:])} starts beyond its "
        f"threshold {event.text[0]!r}{at} and fires at once: start it below, for example {level or 'v'}=… of the population."
    )


def _coarse(graph: Graph, population: Population, start: Mapping[str, Tensor]) -> str | None:
    """The warning for a variable that decays far within a step."""
    system = population.cell.system
    reasons = graph.step(population.name).reasons
    for name, share in _values(graph, population, start, _shares(system)).items():
        method, _ = reasons[name]
        steps = float(share.detach().max())
        if not math.isfinite(steps) or steps <= _MOST.get(method, _FORGOTTEN):
            continue
        return (
            f"population {population.name!r}: {name} decays with a time constant of {graph.dt / steps:.3g} ms, but a step "
            f"takes {graph.dt:g} ms ({method}): what happens within a step is lost. Give a smaller dt, or a longer time "
            f"constant."
        )
    return None


@lru_cache(maxsize=64)
def _shares(system: System) -> Mapping[str, sp.Expr]:
    """Time constants per step, by variable, where the equations tell: -dt d(dx/dt)/dx, or -log of what an update keeps."""
    out = {}
    for name, rate in system.odes.items():
        slope = derivative(rate, sp.Symbol(name))
        if slope != 0:
            out[name] = -_DT * slope
    for name, update in system.updates.items():
        kept = derivative(update, sp.Symbol(name))
        if kept.has(_DT):
            out[name] = -sp.log(kept)
    return out


def _values(
    graph: Graph, population: Population, start: Mapping[str, Tensor], wanted: Mapping[str, sp.Expr]
) -> dict[str, Tensor]:
    """The expressions that depend on states and parameters alone, in float64."""
    known = {**population.values(), **start, "dt": torch.tensor(graph.dt)}
    given = {n: v.detach().double() for n, v in known.items()}
    some = {n: e for n, e in wanted.items() if {str(s) for s in e.free_symbols} <= given.keys()}
    if not some:
        return {}
    found = eager.step_function(Program((), some), sp.Integer(0))(given, torch.empty((), dtype=torch.float64))
    return {n: torch.as_tensor(v, dtype=torch.float64) for n, v in found.items()}
