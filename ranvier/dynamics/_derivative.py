"""The derivative of an expression, by the rules of sums, products, powers and chains.

SymPy's own comes to the same and takes several times as long: it takes a product for one that is to be differentiated any
number of times, and works that out.
"""

from __future__ import annotations

import sympy as sp

from ranvier.dynamics.functions import both, dexprel, eq, exp, exprel, ge, gt, maximum, risen, select, steep

__all__ = ["derivative"]

#: beyond, e^-x is nothing beside 1
_FADED = sp.Integer(40)
_ZERO, _ONE = sp.Integer(0), sp.Integer(1)


def derivative(expression: sp.Expr, symbol: sp.Symbol) -> sp.Expr:
    """d(expression)/d(symbol): the very expression that ``sympy.diff`` gives, but for quotients by exprel(x) or 1 + exp(x), whose
    squares overflow long before the derivative does, and for powers whose base is 0: there the infinite slope of sqrt(base), or
    of base^p for p below 1, counts as 0, and that of base^p in p is 0.
    """
    if symbol not in expression.free_symbols:
        return sp.Integer(0)
    if expression.is_Symbol:
        return sp.Integer(1)
    parts = expression.args
    inner = [(k, derivative(part, symbol)) for k, part in enumerate(parts) if symbol in part.free_symbols]
    if expression.is_Add:
        return sp.Add(*(d for _, d in inner))
    if expression.is_Mul:
        return sp.Add(*(sp.Mul(*parts[:k], d, *parts[k + 1 :]) for k, d in inner))
    if expression.is_Pow and parts[1].is_negative and (found := _relative_slope(parts[0])) is not None:
        return expression * parts[1] * found[1] * derivative(found[0], symbol)
    if expression.is_Pow:
        return _power_slope(parts[0], parts[1], symbol)
    if isinstance(expression, sp.Function):
        return sp.Add(*(expression.fdiff(k + 1) * d for k, d in inner if d != 0))
    return sp.diff(expression, symbol)


def _power_slope(base: sp.Expr, power: sp.Expr, symbol: sp.Symbol) -> sp.Expr:
    """The derivative of base^power; in the base it counts as 0 where it is infinite and the power is not."""
    total = sp.Integer(0)
    if symbol in base.free_symbols:
        inner = derivative(base, symbol)
        if steep(base**power):
            total += inner * select(gt(base, _ZERO), power * base ** (power - 1), _ZERO)
        elif power.is_number:
            total += base**power * (inner * power / base)
        else:
            infinite = both(eq(base, _ZERO), both(ge(power, _ZERO), gt(_ONE, power)))
            total += inner * select(infinite, _ZERO, power * base ** (power - 1))
    if symbol in power.free_symbols:
        there = select(eq(base, _ZERO), _ONE, base) if base.free_symbols else base
        total += base**power * sp.log(there) * derivative(power, symbol)
    return total


def _relative_slope(base: sp.Expr) -> tuple[sp.Expr, sp.Expr] | None:
    """x and f'(x)/f(x) where ``base`` is f(x) = exprel(x) or 1 + exp(x), finite where f' and f overflow; else None."""
    if isinstance(base, exprel):
        x = base.args[0]
        return x, select(gt(x, _FADED), 1 - 1 / maximum(x, _FADED), dexprel(x) / base)
    x = risen(base)
    return None if x is None else (x, select(gt(x, sp.Integer(0)), 1 - 1 / base, exp(x) / base))
