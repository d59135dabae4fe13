"""The derivative of an expression, by the rules of sums, products, powers and chains.

SymPy's own comes to the same and takes several times as long: it takes a product for one that is to be differentiated any
number of times, and works that out.
"""

from __future__ import annotations

import sympy as sp

from ranvier.dynamics.functions import dexprel, eq, exp, exprel, gt, maximum, risen, select, steep

__all__ = ["derivative"]

#: beyond, e^-x is nothing beside 1
_FADED = sp.Integer(40)
_ZERO, _ONE = sp.Integer(0), sp.Integer(1)


def derivative(expression: sp.Expr, symbol: sp.Symbol) -> sp.Expr:
    """d(expression)/d(symbol): the very expression that ``sympy.diff`` gives, but for quotients by exprel(x) or 1 + exp(x), whose
    squares overflow long before the derivative does, and for powers whose base is 0: where the slope of the base is 0 as well,
    so is that of sqrt(base), and that of base^p in p is 0.
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
    """The derivative of base^power."""
    total = sp.Integer(0)
    if symbol in base.free_symbols:
        inner = derivative(base, symbol)
        slope = base**power * (inner * power / base)
        total += _calmed(base, power, inner) if _lies_below(slope, base, power) else slope
    if symbol in power.free_symbols:
        there = select(eq(base, _ZERO), _ONE, base) if base.free_symbols else base
        total += base**power * sp.log(there) * derivative(power, symbol)
    return total


def _lies_below(slope: sp.Expr, base: sp.Expr, power: sp.Expr) -> bool:
    """Whether something of ``base`` divides the derivative of a power that is steep, or may be."""
    if power.is_number and not steep(base**power):
        return False
    below = (p.args[0].free_symbols for p in slope.atoms(sp.Pow) if p.args[1].could_extract_minus_sign())
    return any(symbols & base.free_symbols for symbols in below)


def _calmed(base: sp.Expr, power: sp.Expr, inner: sp.Expr) -> sp.Expr:
    """power * base^(power - 1) * inner, and 0 where ``inner`` is 0."""
    if inner.is_number:
        return power * base ** (power - 1) * inner
    return power * inner * select(eq(inner, _ZERO), _ONE, base) ** (power - 1)


def _relative_slope(base: sp.Expr) -> tuple[sp.Expr, sp.Expr] | None:
    """x and f'(x)/f(x) where ``base`` is f(x) = exprel(x) or 1 + exp(x), finite where f' and f overflow; else None."""
    if isinstance(base, exprel):
        x = base.args[0]
        return x, select(gt(x, _FADED), 1 - 1 / maximum(x, _FADED), dexprel(x) / base)
    x = risen(base)
    return None if x is None else (x, select(gt(x, sp.Integer(0)), 1 - 1 / base, exp(x) / base))
