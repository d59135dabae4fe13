"""Whether a step advances its states by one constant matrix, and adds what arrives: steps of time can then be put together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sympy as sp

from ranvier.dynamics._sizes import expanded
from ranvier.dynamics.graphs import components

if TYPE_CHECKING:
    from ranvier.dynamics._step import Step

__all__ = ["Linearity", "linearity"]

_ONE = sp.Integer(1)
#: factors by state
Row = dict[str, sp.Expr]


@dataclass(frozen=True)
class Linearity:
    """state' = matrix*state + what arrives, in every step, whatever the cells emit.

    ``matrix`` holds the entries (row, column) that are not 0, as expressions in coefficients; ``blocks`` are the states that
    depend on each other. Where the step is another, both are empty, and ``refusal`` says why.
    """

    matrix: dict[tuple[str, str], sp.Expr] = field(default_factory=dict)
    blocks: tuple[tuple[str, ...], ...] = ()
    refusal: str | None = None

    def __str__(self) -> str:
        if self.refusal is not None:
            return f"step by step, as {self.refusal}"
        largest = max(map(len, self.blocks))
        form = "a number each" if largest == 1 else f"blocks of {largest}"
        return f"linear with constant coefficients ({form}), and no event sets them"


def linearity(step: Step) -> Linearity:
    """Whether the states of ``step`` are linear in those before, with coefficients that are the same in every step.

    It follows from the program alone.
    """
    if not step.states:
        return Linearity(refusal="there is no variable")
    program = step.program.only((*step.states, *step.counters))
    if step.counters:
        return Linearity(refusal="the refractory period follows the spikes")
    for statement in program.statements:
        if statement.resets is not None:
            return Linearity(refusal=f"an event sets {statement.resets}")
    rows: dict[sp.Symbol, Row] = {sp.Symbol(n): {n: _ONE} for n in step.states}
    steady = {sp.Symbol(n): sp.Symbol(n) for n in step.coefficients}
    lost: set[sp.Symbol] = set()
    for statement in program.statements:
        e = statement.expression
        if e.free_symbols <= steady.keys():
            steady[statement.target] = e.xreplace(steady)
            continue
        row = None if e.free_symbols & lost else _row(e, rows, steady)
        if row is None:
            lost.add(statement.target)
        elif row:
            rows[statement.target] = row
    matrix: dict[tuple[str, str], sp.Expr] = {}
    for name in step.states:
        e = program.outputs[name]
        row = None if e.free_symbols & lost else _row(e, rows, steady)
        if row is None:
            return Linearity(refusal=f"{name} is not linear in the variables with coefficients that stay the same")
        matrix |= {(name, other): a for other, a in row.items()}
    near = {n: [m for m in step.states if (n, m) in matrix or (m, n) in matrix] for n in step.states}
    return Linearity(matrix, tuple(map(tuple, components(near))))


def _row(e: sp.Expr, rows: dict[sp.Symbol, Row], steady: dict[sp.Symbol, sp.Expr]) -> Row | None:
    """The factor of each state in ``e``; None where ``e`` is not a sum of such products and of what holds no state."""
    if not e.free_symbols & rows.keys():
        return {}
    if e.is_Symbol:
        return rows[e]
    if e.is_Add:
        total: Row = {}
        for part in e.args:
            row = _row(part, rows, steady)
            if row is None:
                return None
            for name, a in row.items():
                total[name] = total.get(name, sp.Integer(0)) + a
        return {n: a for n, a in ((n, expanded(a)) for n, a in total.items()) if a != 0}
    if e.is_Mul:
        moving = [part for part in e.args if part.free_symbols & rows.keys()]
        factor = sp.Mul(*(part for part in e.args if part not in moving))
        row = _row(moving[0], rows, steady) if len(moving) == 1 and factor.free_symbols <= steady.keys() else None
        return None if row is None else {n: expanded(factor.xreplace(steady) * a) for n, a in row.items()}
    return None
