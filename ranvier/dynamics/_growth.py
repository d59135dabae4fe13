"""Results of a program that grow with the time: ``t`` does, ``t - t_last`` does not."""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp

from ranvier.dynamics._clock import settled
from ranvier.dynamics._sizes import expanded
from ranvier.dynamics.functions import absolute, detach, floor, jump, maximum, minimum, nearest, select
from ranvier.dynamics.program import Program

__all__ = ["growing"]

_ZERO, _ONE = sp.Integer(0), sp.Integer(1)
#: functions that grow as their arguments do; all others are bounded, or grow too slowly to lose a digit
_LIKE_ARGUMENTS = (detach, floor, nearest, settled, absolute, minimum, maximum)


def growing(program: Program, times: Iterable[str]) -> frozenset[str]:
    """The outputs that move on with the time when all ``times`` (names from outside) move on together."""
    rates: dict[sp.Symbol, sp.Expr | None] = {sp.Symbol(n): _ONE for n in times}
    for s in program.statements:
        rates[s.target] = _rate(s.expression, rates)
    return frozenset(n for n, e in program.outputs.items() if _rate(e, rates) != 0)


def _rate(e: sp.Expr, rates: dict[sp.Symbol, sp.Expr | None]) -> sp.Expr | None:
    """The gain of ``e`` while the times gain 1; None where it is not one number."""
    if e.is_Symbol:
        return rates.get(e, _ZERO)
    if not e.args:
        return _ZERO
    if isinstance(e, select | jump):
        return _common([_rate(a, rates) for a in e.args[1:]])
    found = [_rate(a, rates) for a in e.args]
    if isinstance(e, sp.Add):
        return None if None in found else expanded(sp.Add(*found))
    if isinstance(e, sp.Mul):
        moving = [k for k, rate in enumerate(found) if rate != 0]
        if len(moving) != 1 or found[moving[0]] is None:
            return None if moving else _ZERO
        others = sp.Mul(*(a for k, a in enumerate(e.args) if k != moving[0]))
        return expanded(found[moving[0]] * others)
    if isinstance(e, sp.Pow):
        return None if found[0] != 0 and not e.args[1].could_extract_minus_sign() else _ZERO
    return _common(found) if isinstance(e, _LIKE_ARGUMENTS) else _ZERO


def _common(rates: list[sp.Expr | None]) -> sp.Expr | None:
    return rates[0] if all(rate == rates[0] for rate in rates) else None
