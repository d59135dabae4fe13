"""How the compiled loop runs a rule: lazily, row by row when a spike arrives, or eagerly; and what it needs of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy as sp
import torch

from ranvier.dynamics import TIME, Program, terms
from ranvier.dynamics.symbols import end_name
from ranvier.kernels.tasks import Decay, RowRule
from ranvier.network._additive import additive
from ranvier.network._lumped import held_by_cells
from ranvier.network.order import GraphError
from ranvier.values import Distribution

if TYPE_CHECKING:
    from ranvier.network.plastic.synapses import PlasticSynapses
    from ranvier.synapses import BoundPlasticity

__all__ = ["Compiled", "held", "not_row_rule", "row_rule"]

#: a linear rule has fewer terms than this
_MOST_TERMS = 500
#: results kept with each projection
_KEPT = 32


def _moves(bound: BoundPlasticity, name: str) -> tuple[sp.Expr, sp.Expr] | None:
    """(a, b) where a variable becomes a*x + b in every step with steady a and b, or None where it does anything else."""
    x = sp.Symbol(name)
    program = bound.step.program.only((name,))
    value = program.outputs[name]
    for statement in reversed(program.statements):
        value = value.xreplace({statement.target: statement.expression})
        if terms(value) > _MOST_TERMS:
            return None
    value = sp.expand(value)
    a, b = value.coeff(x, 1), value.coeff(x, 0)
    steady = {sp.Symbol(c) for c in bound.step.coefficients}
    straight = sp.expand(value - a * x - b) == 0 and (a.free_symbols | b.free_symbols) <= steady
    return (a, b) if straight else None


def not_row_rule(bound: BoundPlasticity) -> str | None:
    """The reason why updates of a rule cannot be applied later, as a sentence; None where they can."""
    if bound.rule.every_step:
        return "it has code for every step"
    for name in bound.system.states:
        if _moves(bound, name) is None:
            return f"{name} does more than decay exponentially"
    for end in ("pre", "post"):
        late = bound.reads(end, "on_post")
        if late:
            return f"on_post reads {late[0]} of the {end}synaptic cell"
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


@dataclass(frozen=True)
class Compiled:
    """The rule for the loop, how each variable of a lazy one moves per step, and its parameters."""

    rule: RowRule
    decays: dict[str, Decay]
    parameters: dict[str, torch.Tensor]


def row_rule(
    synapses: PlasticSynapses, row: Collection[str], column: Collection[str], within: bool, positive: Collection[str]
) -> Compiled:
    """A rule whose variables ``row`` and ``column`` (:func:`held`) have one value for each row and column now.

    ``within`` says that all weights keep the limits of ``on_post`` now, ``positive`` which variables are not negative.
    """
    shared, given = _shared(synapses), {**synapses.parameters, **synapses.coefficients}
    numbers = {n: float(given[n]) for n in sorted(shared)}
    exact = tuple(float(v) for v in synapses.exact.values() if v.numel() == 1)
    key = (synapses.dtype, tuple(row), tuple(column), within, tuple(positive), tuple(numbers.items()), exact)
    rule, decays = _once(
        synapses, key, lambda: _compiled(synapses, tuple(row), tuple(column), within, positive, numbers)
    )
    return Compiled(rule, decays, {n: given[n] for n in rule.parameters})


def held(synapses: PlasticSynapses, end: str, among: Collection[str]) -> tuple[str, ...]:
    """Variables ``among`` these that the cell at one ``end`` holds, if all its synapses begin with one value."""
    shared = _shared(synapses)
    key = ("held", end, tuple(among), *sorted(shared))
    return _once(synapses, key, lambda: held_by_cells(synapses.bound, end, shared, among))


def _once(synapses: PlasticSynapses, key: tuple, work: Callable[[], Any]) -> Any:
    """What ``work`` gives, kept with the projection; values that change from call to call do not pile up."""
    known = synapses.projection.compiled
    if key not in known:
        if len(known) >= _KEPT:
            known.clear()
        known[key] = work()
    return known[key]


def _shared(synapses: PlasticSynapses) -> set[str]:
    return {n for n, v in {**synapses.parameters, **synapses.coefficients}.items() if v.numel() == 1}


def _compiled(
    synapses: PlasticSynapses, row: tuple[str, ...], column: tuple[str, ...], within: bool, positive: Collection[str],
    numbers: dict[str, float],
) -> tuple[RowRule, dict[str, Decay]]:  # fmt: skip
    bound, codes = synapses.bound, synapses.bound.codes
    eager = not_row_rule(bound) is not None
    states = tuple(bound.system.states)
    decays = {} if eager else {n: _decay(bound, n, synapses.exact) for n in states}
    exact = synapses.arithmetic != synapses.dtype
    walked = eager or exact
    sums = None if walked else additive(bound, row, column, numbers.keys(), numbers, decays, within, positive)
    if not eager and sums is None:  # values that later updates of a synapse read are kept with it
        column = _unread(bound, column)
    own = tuple(n for n in states if n not in (*row, *column))

    def part(code: str, names: Collection[str]) -> Program | None:
        found = [n for n in names if code in codes and n in codes[code].outputs]
        return codes[code].only(found) if found else None

    def moved(names: tuple[str, ...]) -> Program | None:
        return bound.step.program.only(names) if eager and names else None

    cells = tuple((end, n) for end in ("pre", "post") for n in bound.reads(end))
    known = {"w", TIME, "rand", *states, *(end_name(n, end) for end, n in cells)}
    programs = [*codes.values(), *([bound.step.program.only(states)] if eager and states else [])]
    reads = {n for p in programs for n in p.reads}
    read = sorted(reads - known)
    rule = RowRule(
        variables=own,
        parameters=tuple(read),
        varied=tuple(n for n in read if n not in numbers),
        cells=cells,
        on_pre=part("on_pre", ("w", "sent", *own)),
        on_post=part("on_post", ("w", *own)),
        every_step=codes.get("every_step"),
        advance=moved(own),
        eager=eager,
        by_spike=synapses.projection.by_spike,
        shifted=tuple(n for n in states if n in decays and decays[n].shift != 0),
        row=row,
        row_on_pre=part("on_pre", row),
        row_advance=moved(row),
        column=column,
        column_on_post=part("on_post", column),
        column_advance=moved(column),
        additive=sums,
        clock=tuple(reads & {TIME}),
        exact=exact,
        times=bound.times,
    )
    return rule, decays


def _unread(bound: BoundPlasticity, column: tuple[str, ...]) -> tuple[str, ...]:
    """Variables of the column that on_post does not look at on behalf of single synapses, nor of each other's remainder."""
    code = bound.codes.get("on_post")
    behind = {n: code.behind(n) for n in code.outputs} if code is not None else {}
    while True:
        read = {s for n, names in behind.items() if n not in column for s in names}
        kept = tuple(n for n in column if n not in read)
        own = {n: behind.get(n, frozenset()) & set(column) for n in kept}
        kept = tuple(n for n in kept if own[n] <= set(kept))
        if kept == column:
            return column
        column = kept


def _decay(bound: BoundPlasticity, name: str, exact: dict[str, torch.Tensor]) -> Decay:
    moves = _moves(bound, name)
    if moves is None:
        raise GraphError(f"{name} does more than decay exponentially: its updates cannot be applied later.")
    numbers = {sp.Symbol(c): float(v) for c, v in exact.items() if v.numel() == 1}
    return Decay(*(float(part.subs(numbers)) for part in moves))
