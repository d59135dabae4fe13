"""Rules whose postsynaptic updates can be summed and applied at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import sympy as sp

from ranvier.dynamics._sizes import expanded, terms
from ranvier.dynamics.limits import Limit, limits_around
from ranvier.dynamics.plasticity._lowered import LoweredRule
from ranvier.dynamics.plasticity._records import Additive
from ranvier.dynamics.program import Program

__all__ = ["added_to", "additive", "limits_of"]


#: the change at a spike has fewer terms than this
_MOST_TERMS = 500


def additive(
    rule: LoweredRule, row: Collection[str], column: Collection[str], shared: Collection[str], given: Mapping[str, float],
    moves: Mapping[str, tuple[float, float]], within: bool, positive: Collection[str],
) -> Additive | None:  # fmt: skip
    """The change at a postsynaptic spike as ``variable*amount``, where the order of spikes does not matter.

    ``on_post`` must be z = limits(z + x*c): z the weight or a variable that stays where it is, x a variable of the row that
    decays towards 0, c made of variables of the column and of parameters in ``shared`` (their values are ``given``). With
    limits, which ``within`` says z keeps now everywhere, all c must have one sign and ``on_pre`` must keep z within the
    same limits. ``moves`` are factor and shift per step of each variable; those in ``positive`` are not negative now.
    """
    target = added_to(rule, column)
    if target is None or (target != "w" and tuple(moves[target]) != (1, 0)):
        return None
    z = sp.Symbol(target)
    limits, inside = _peel(rule.codes["on_post"].outputs[target], z)
    change = expanded(inside - z)
    read = {str(s) for s in change.free_symbols}
    variables = sorted(read & set(row))
    if len(variables) != 1 or read - {*variables, *column, *shared}:
        return None
    x = sp.Symbol(variables[0])
    amount = change.coeff(x, 1)
    factor, shift = moves[variables[0]]
    if expanded(change - amount * x) != 0 or not 0 < factor <= 1 or shift != 0:
        return None
    if limits and not (
        within and _kept(rule, target, limits) and _one_sign(rule, amount, column, given, moves, positive)
    ):
        return None
    return Additive(target, variables[0], Program((), {"amount": amount}), _wrapped(z, limits))


def added_to(rule: LoweredRule, column: Collection[str]) -> str | None:
    """The one thing that on_post changes for each synapse; None where there are none or several."""
    code = rule.codes.get("on_post")
    changed = [n for n in code.outputs if n not in column] if code is not None else []
    return changed[0] if len(changed) == 1 else None


def limits_of(rule: LoweredRule, target: str) -> Program | None:
    """The target of on_post, within the limits that the code sets; None without limits."""
    z = sp.Symbol(target)
    return _wrapped(z, _peel(rule.codes["on_post"].outputs[target], z)[0])


def _wrapped(z: sp.Symbol, limits: list[Limit]) -> Program | None:
    wrapped: sp.Expr = z
    for limit in reversed(limits):
        wrapped = limit.function(wrapped, limit.value)
    return Program((), {str(z): wrapped}) if limits else None


def _peel(value: sp.Expr, z: sp.Symbol) -> tuple[list[Limit], sp.Expr]:
    """Limits around a new value of z that do not read it, and the expression inside."""
    return limits_around(value, lambda bound: z not in bound.free_symbols)


def _kept(rule: LoweredRule, target: str, limits: list[Limit]) -> bool:
    """Whether on_pre keeps its target within the limits, which are parameters or numbers."""
    parameters = {sp.Symbol(n) for n in rule.system.parameters}
    if any(limit.value.free_symbols - parameters for limit in limits):
        return False
    code = rule.codes.get("on_pre")
    if code is None or target not in code.outputs:
        return True
    return _peel(code.outputs[target], sp.Symbol(target))[0][: len(limits)] == limits


def _one_sign(
    rule: LoweredRule, amount: sp.Expr, column: Collection[str], given: Mapping[str, float],
    moves: Mapping[str, tuple[float, float]], positive: Collection[str],
) -> bool:  # fmt: skip
    """Whether the amount never changes its sign: no negative terms, in variables that never become negative."""
    code, known = rule.codes["on_post"], {sp.Symbol(n): v for n, v in given.items()}
    after = {n: code.outputs.get(n, sp.Symbol(n)) for n in column}
    symbols = [sp.Symbol(n) for n in column]
    used: set[str] = set()
    more = {str(s) for s in amount.free_symbols} & after.keys()
    while more - used:
        used |= more
        more = {str(s) for n in used for s in after[n].free_symbols} & after.keys()

    def signs(value: sp.Expr) -> set[int] | None:
        polynomial = sp.expand(value.xreplace(known)).as_poly(*symbols) if terms(value) < _MOST_TERMS else None
        if polynomial is None or any(not c.is_number for c in polynomial.coeffs()):
            return None
        return {int(sp.sign(c)) for c in polynomial.coeffs() if c != 0}

    if not used:
        return True
    grows = all(n in positive and min(moves[n]) >= 0 and signs(after[n]) in ({1}, set()) for n in used)
    return grows and signs(amount) in ({1}, {-1}, set())
