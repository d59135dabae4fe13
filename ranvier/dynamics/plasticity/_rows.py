"""Rules as rows of synapses run them: lazily, when a spike arrives, or eagerly, in every step."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import sympy as sp

from ranvier.dynamics._clock import TIME
from ranvier.dynamics._sizes import terms
from ranvier.dynamics.plasticity._additive import additive
from ranvier.dynamics.plasticity._lowered import LoweredRule
from ranvier.dynamics.plasticity._records import Decay, RowRule, Shared
from ranvier.dynamics.program import Program
from ranvier.dynamics.symbols import end_name
from ranvier.errors import EquationError

__all__ = ["Known", "row_rule", "why_eager"]

#: a linear rule has fewer terms than this
_MOST_TERMS = 500


@dataclass(frozen=True)
class Known:
    """Facts about a rule in one call: ``single`` and ``exact`` are the parameters and coefficients with one value for all
    synapses, as the arithmetic has them and in float64.

    ``row`` and ``column`` are the variables with one value for each row and column now (:func:`held_by_cells`), ``within``
    says that all weights keep the limits of ``on_post`` now, ``positive`` which variables are not negative. ``wide`` says
    that the arithmetic is float64 in a network of float32.
    """

    single: Mapping[str, float]
    exact: Mapping[str, float]
    row: tuple[str, ...]
    column: tuple[str, ...]
    within: bool
    positive: tuple[str, ...]
    wide: bool


def why_eager(rule: LoweredRule) -> str | None:
    """The reason why updates of a rule cannot be applied later, as a sentence; None where they can."""
    if "every_step" in rule.codes:
        return "it has code for every step"
    for name in rule.own:
        if _moves(rule, name) is None:
            return f"{name} does more than decay exponentially"
    for end in ("pre", "post"):
        late = rule.reads(end, "on_post")
        if late:
            return f"on_post reads {late[0]} of the {end}synaptic cell"
    for name in rule.shared:
        if "on_post" in rule.codes and name in (*rule.codes["on_post"].reads, *rule.codes["on_post"].outputs):
            return f"on_post uses {name}, which synapses share"
    varied = next((n for n in rule.system.parameters if n in rule.varied and n in _read_by_step(rule)), None)
    return f"{varied} differs between synapses" if varied else None


def row_rule(rule: LoweredRule, known: Known) -> tuple[RowRule, dict[str, Decay]]:
    """The rule as rows of synapses run it, and how each variable of a lazy one moves per step."""
    codes, row, column = rule.codes, known.row, known.column
    eager = why_eager(rule) is not None
    states = rule.own
    decays = {} if eager else {n: _decay(rule, n, known.exact) for n in states}
    sums = None
    if not (eager or known.wide):
        sums = additive(
            rule, row, column, known.single.keys(), known.single, decays, known.within, known.positive
        )  # fmt: skip
    if not eager and sums is None:  # values that later updates of a synapse read are kept with it
        column = _unread(rule, column)
    own = tuple(n for n in states if n not in (*row, *column))

    def part(code: str, names: Collection[str]) -> Program | None:
        found = [n for n in names if code in codes and n in codes[code].outputs]
        return codes[code].only(found) if found else None

    def moved(names: tuple[str, ...]) -> Program | None:
        return rule.step.program.only(names) if eager and names else None

    cells = tuple((end, n) for end in ("pre", "post") for n in rule.reads(end))
    given = {"w", TIME, "rand", *states, *rule.shared, *(end_name(n, end) for end, n in cells)}
    programs = [*codes.values(), rule.moved_together, *([rule.step.program.only(states)] if eager and states else [])]
    reads = {n for p in programs for n in p.reads}
    read = sorted(reads - given)
    made = RowRule(
        variables=own,
        parameters=tuple(read),
        varied=tuple(n for n in read if n not in known.single),
        cells=cells,
        on_pre=part("on_pre", ("w", "sent", *own, *rule.shared)),
        on_post=part("on_post", ("w", *own, *rule.shared)),
        every_step=codes.get("every_step"),
        advance=moved(own),
        eager=eager,
        by_spike=rule.by_spike,
        shifted=tuple(n for n in states if n in decays and decays[n].shift != 0),
        row=row,
        row_on_pre=part("on_pre", row),
        row_advance=moved(row),
        column=column,
        column_on_post=part("on_post", column),
        column_advance=moved(column),
        additive=sums,
        clock=tuple(reads & {TIME}),
        exact=known.wide,
        times=(*rule.times, *rule.end_times),
        shared=tuple(Shared(names, rule.moved_together.only(names)) for names in rule.domains.values()),
    )
    return made, decays


def _moves(rule: LoweredRule, name: str) -> tuple[sp.Expr, sp.Expr] | None:
    """(a, b) where a variable becomes a*x + b in every step with steady a and b, or None where it does anything else."""
    x = sp.Symbol(name)
    program = rule.step.program.only((name,))
    value = program.outputs[name]
    for statement in reversed(program.statements):
        value = value.xreplace({statement.target: statement.expression})
        if terms(value) > _MOST_TERMS:
            return None
    value = sp.expand(value)
    a, b = value.coeff(x, 1), value.coeff(x, 0)
    steady = {sp.Symbol(c) for c in rule.step.coefficients}
    straight = sp.expand(value - a * x - b) == 0 and (a.free_symbols | b.free_symbols) <= steady
    return (a, b) if straight else None


def _read_by_step(rule: LoweredRule) -> set[str]:
    """Parameters that the movement of variables depends on."""
    prologue = rule.step.prologue
    expressions = [e for _, e in prologue.scalars] + [a for x in prologue.exponentials for row in x.matrix for a in row]
    return {str(s) for e in expressions for s in e.free_symbols}


def _unread(rule: LoweredRule, column: tuple[str, ...]) -> tuple[str, ...]:
    """Variables of the column that on_post does not look at on behalf of single synapses, nor of each other's remainder."""
    code = rule.codes.get("on_post")
    behind = {n: code.behind(n) for n in code.outputs} if code is not None else {}
    while True:
        read = {s for n, names in behind.items() if n not in column for s in names}
        kept = tuple(n for n in column if n not in read)
        own = {n: behind.get(n, frozenset()) & set(column) for n in kept}
        kept = tuple(n for n in kept if own[n] <= set(kept))
        if kept == column:
            return column
        column = kept


def _decay(rule: LoweredRule, name: str, exact: Mapping[str, float]) -> Decay:
    moves = _moves(rule, name)
    if moves is None:
        raise EquationError(f"{name} does more than decay exponentially: its updates cannot be applied later.")
    numbers = {sp.Symbol(c): v for c, v in exact.items()}
    return Decay(*(float(part.subs(numbers)) for part in moves))
