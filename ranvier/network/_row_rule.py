"""How the compiled loop runs a rule: lazily, row by row when a spike arrives, or eagerly; and what it needs of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp
import torch

from ranvier.dynamics import Program
from ranvier.kernels.cpu import Decay, RowRule
from ranvier.network._graph import GraphError
from ranvier.synapses import BoundPlasticity
from ranvier.values import Distribution

if TYPE_CHECKING:
    from ranvier.network._plastic import PlasticSynapses

__all__ = ["not_row_rule", "row_rule"]


def _moves(bound: BoundPlasticity, name: str) -> tuple[sp.Expr, sp.Expr] | None:
    """(a, b) where a variable becomes a*x + b in every step with steady a and b, or None where it does anything else."""
    x = sp.Symbol(name)
    program = bound.step.program.only((name,))
    value = program.outputs[name]
    for statement in reversed(program.statements):
        value = value.xreplace({statement.target: statement.expression})
    value = sp.expand(value)
    a, b = value.coeff(x, 1), value.coeff(x, 0)
    steady = {sp.Symbol(c) for c in bound.step.coefficients}
    straight = sp.expand(value - a * x - b) == 0 and (a.free_symbols | b.free_symbols) <= steady
    return (a, b) if straight else None


def not_row_rule(bound: BoundPlasticity) -> str | None:
    """Why a rule cannot be made up for later, as a sentence; None where it can."""
    if bound.rule.every_step:
        return "it has code for every step"
    for name in bound.system.states:
        if _moves(bound, name) is None:
            return f"{name} does more than decay exponentially"
    for end in ("pre", "post"):
        late = bound.reads(end, "on_post")
        if late:
            return f"on_post reads {late[0]} of the {end}synaptic cell"
    if "on_post" in bound.codes and "t" in bound.codes["on_post"].reads:
        return "on_post reads the time"
    varied = next((n for n in bound.system.parameters if n in _read_by_step(bound) and _many(bound, n)), None)
    return f"{varied} differs between synapses" if varied else None


def _read_by_step(bound: BoundPlasticity) -> set[str]:
    """Parameters that the movement of variables depends on."""
    prologue = bound.step.prologue
    expressions = [e for _, e in prologue.scalars] + [a for x in prologue.exponentials for row in x.matrix for a in row]
    return {str(s) for e in expressions for s in e.free_symbols}


def _many(bound: BoundPlasticity, name: str) -> bool:
    value = bound.rule.values[name]
    inner = getattr(value, "value", value)
    return isinstance(value, Distribution) or (not isinstance(inner, int | float) and getattr(inner, "size", 1) != 1)


def row_rule(synapses: PlasticSynapses) -> tuple[RowRule, dict[str, Decay], dict[str, torch.Tensor]]:
    """The rule for the loop, how each variable moves per step where it is lazy, and its parameters."""
    bound = synapses.bound
    eager = not_row_rule(bound) is not None
    states = tuple(bound.system.states)
    advance = bound.step.program.only(states) if eager and states else None
    cells = tuple((end, n) for end in ("pre", "post") for n in bound.reads(end))
    known = {"w", "t", "rand", *states, *(f"{n}_{end}" for end, n in cells)}
    programs = [*bound.codes.values(), *([advance] if advance else [])]
    read = sorted(({n for p in programs for n in p.reads} | ({"dt"} if _timed(programs) else set())) - known)
    given = {**synapses.parameters, **synapses.coefficients}
    rule = RowRule(
        variables=states,
        parameters=tuple(read),
        varied=tuple(n for n in read if given[n].numel() > 1),
        cells=cells,
        on_pre=bound.codes.get("on_pre"),
        on_post=bound.codes.get("on_post"),
        every_step=bound.codes.get("every_step"),
        advance=advance,
        eager=eager,
        by_spike=synapses.projection.by_spike,
        shifted=() if eager else tuple(n for n in states if (_moves(bound, n) or (0, 0))[1] != 0),
    )
    decays = {} if eager else {n: _decay(bound, n, synapses.exact) for n in states}
    return rule, decays, {n: given[n] for n in read}


def _timed(programs: list[Program]) -> bool:
    return any("t" in program.reads for program in programs)


def _decay(bound: BoundPlasticity, name: str, exact: dict[str, torch.Tensor]) -> Decay:
    moves = _moves(bound, name)
    if moves is None:
        raise GraphError(f"{name} does more than decay exponentially: it cannot be made up for later.")
    numbers = {sp.Symbol(c): float(v) for c, v in exact.items() if v.numel() == 1}
    return Decay(*(float(part.subs(numbers)) for part in moves))
