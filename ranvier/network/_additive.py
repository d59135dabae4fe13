"""Whether what postsynaptic spikes do to a weight can be added up and done at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

import sympy as sp

from ranvier.dynamics import Program
from ranvier.dynamics._functions import maximum, minimum
from ranvier.kernels.cpu import Additive
from ranvier.synapses import BoundPlasticity

__all__ = ["additive", "limits_of"]

_W = sp.Symbol("w")


class _Limit(NamedTuple):
    """minimum or maximum of a weight and an expression that does not read it."""

    function: type
    value: sp.Expr


def additive(
    bound: BoundPlasticity, row: Collection[str], column: Collection[str], shared: Collection[str], numbers: Mapping[str, float],
    moves: Mapping[str, tuple[float, float]], within: bool, positive: Collection[str],
) -> Additive | None:  # fmt: skip
    """The change of the weight at a postsynaptic spike as ``variable*amount``, where the order of spikes does not matter.

    ``on_post`` must be w = limits(w + x*c): x a variable of the row that decays towards 0, c made of variables of the
    column and of parameters in ``shared`` (their values are ``numbers``). With limits, which ``within`` says all weights
    keep now, all c must have one sign and ``on_pre`` must keep the weight within the same limits. ``moves`` are factor
    and shift per step of each variable; those in ``positive`` are not negative now.
    """
    code = bound.codes.get("on_post")
    if code is None or "w" not in code.outputs or set(code.outputs) - {"w", *column}:
        return None
    limits, inside = _peel(code.outputs["w"])
    change = sp.expand(inside - _W)
    read = {str(s) for s in change.free_symbols}
    variables = sorted(read & set(row))
    if len(variables) != 1 or read - {*variables, *column, *shared}:
        return None
    x = sp.Symbol(variables[0])
    amount = change.coeff(x, 1)
    factor, shift = moves[variables[0]]
    if sp.expand(change - amount * x) != 0 or not 0 < factor <= 1 or shift != 0:
        return None
    if limits and not (within and _kept(bound, limits) and _one_sign(bound, amount, column, numbers, moves, positive)):
        return None
    return Additive(variables[0], Program((), {"amount": amount}), _wrapped(limits))


def limits_of(bound: BoundPlasticity) -> Program | None:
    """w within the limits that on_post puts it into; None without limits."""
    code = bound.codes.get("on_post")
    if code is None or "w" not in code.outputs:
        return None
    return _wrapped(_peel(code.outputs["w"])[0])


def _wrapped(limits: list[_Limit]) -> Program | None:
    wrapped: sp.Expr = _W
    for limit in reversed(limits):
        wrapped = limit.function(wrapped, limit.value)
    return Program((), {"w": wrapped}) if limits else None


def _peel(value: sp.Expr) -> tuple[list[_Limit], sp.Expr]:
    """Limits around a new weight, from the outside, and what stands inside."""
    limits = []
    while isinstance(value, minimum | maximum):
        reads = [_W in a.free_symbols for a in value.args]
        if sum(reads) != 1:
            break
        limits.append(_Limit(value.func, value.args[1 - reads.index(True)]))
        value = value.args[reads.index(True)]
    return limits, value


def _kept(bound: BoundPlasticity, limits: list[_Limit]) -> bool:
    """Whether on_pre leaves the weight within the limits, which are parameters or numbers."""
    parameters = {sp.Symbol(n) for n in bound.system.parameters}
    if any(limit.value.free_symbols - parameters for limit in limits):
        return False
    code = bound.codes.get("on_pre")
    return code is None or "w" not in code.outputs or _peel(code.outputs["w"])[0][: len(limits)] == limits


def _one_sign(
    bound: BoundPlasticity, amount: sp.Expr, column: Collection[str], numbers: Mapping[str, float],
    moves: Mapping[str, tuple[float, float]], positive: Collection[str],
) -> bool:  # fmt: skip
    """Whether the amount never changes its sign: no negative terms, in variables that never become negative."""
    code, known = bound.codes["on_post"], {sp.Symbol(n): v for n, v in numbers.items()}
    after = {n: code.outputs.get(n, sp.Symbol(n)) for n in column}
    symbols = [sp.Symbol(n) for n in column]
    used: set[str] = set()
    more = {str(s) for s in amount.free_symbols} & after.keys()
    while more - used:
        used |= more
        more = {str(s) for n in used for s in after[n].free_symbols} & after.keys()

    def signs(value: sp.Expr) -> set[int] | None:
        polynomial = sp.expand(value.xreplace(known)).as_poly(*symbols)
        if polynomial is None or any(not c.is_number for c in polynomial.coeffs()):
            return None
        return {int(sp.sign(c)) for c in polynomial.coeffs() if c != 0}

    if not used:
        return True
    grows = all(n in positive and min(moves[n]) >= 0 and signs(after[n]) in ({1}, set()) for n in used)
    return grows and signs(amount) in ({1}, {-1}, set())
