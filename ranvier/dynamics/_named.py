"""Subexpressions that stay names: large ones are computed once and read by name, small ones written where they are used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sympy as sp

from ranvier.dynamics._derivative import derivative
from ranvier.dynamics._sizes import expanded, nodes
from ranvier.dynamics._system import System
from ranvier.dynamics.program import Tape

__all__ = ["linear_slope", "placed", "shortened"]

#: an expression of more parts than this becomes a statement of its own in code that runs in order
_LARGEST = 400

Place = Mapping[sp.Symbol, sp.Expr]


def placed(system: System, tape: Tape, at: Place, expressions: Iterable[sp.Expr]) -> dict[sp.Symbol, sp.Expr]:
    """``at``, and the named subexpressions that ``expressions`` read, written to ``tape`` with the values of ``at``."""
    out = dict(at)
    needed = system.named_in(expressions) if system.named else frozenset()
    for name, definition in system.named.items():
        if name in needed:
            out[sp.Symbol(name)] = tape.add(name, definition.xreplace(out))
    return out


def shortened(expression: sp.Expr, stem: str, tape: Tape) -> sp.Expr:
    """``expression``, or a symbol for a large one: expressions that read it stay small."""
    return tape.add(stem, expression) if nodes(expression, _LARGEST) >= _LARGEST else expression


def linear_slope(system: System, rate: sp.Expr, x: sp.Symbol) -> sp.Expr | None:
    """a where rate = a*x + b with a and b free of x, also through named subexpressions; None where there is none."""
    through = [
        s for s in sorted(rate.free_symbols, key=str) if str(s) in system.named and x in system.behind[str(s)]
    ]  # fmt: skip
    slopes: dict[sp.Symbol, sp.Expr] = {}
    for s in through:
        inner = linear_slope(system, system.named[str(s)], x)
        if inner is None:
            return None
        slopes[s] = inner
    moving = {x, *through}
    out, rest = sp.Integer(0), rate
    for s in (x, *through):
        factor = derivative(rate, s)
        factor = expanded(factor) if factor.free_symbols & moving else factor
        if factor.free_symbols & moving:
            return None
        rest -= factor * s
        out += factor * slopes.get(s, sp.Integer(1))
    return None if expanded(rest).free_symbols & moving else out
