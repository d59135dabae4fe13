"""The derivative of an expression, by the rules of sums, products, powers and chains.

SymPy's own comes to the same and takes several times as long: it takes a product for one that is to be differentiated any
number of times, and works that out.
"""

from __future__ import annotations

import sympy as sp

from ranvier.dynamics.functions import dexprel, exp, exprel, gt, maximum, risen, select

__all__ = ["derivative"]

#: beyond, e^-x is nothing beside 1
_FADED = sp.Integer(40)


def derivative(expression: sp.Expr, symbol: sp.Symbol) -> sp.Expr:
    """d(expression)/d(symbol): the very expression that ``sympy.diff`` gives, but for quotients by exprel(x) or 1 + exp(x), whose
    squares overflow long before the derivative does.
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
    if expression.is_Pow and not parts[1].free_symbols:
        return expression * (inner[0][1] * parts[1] / parts[0])
    if isinstance(expression, sp.Function):
        return sp.Add(*(expression.fdiff(k + 1) * d for k, d in inner if d != 0))
    return sp.diff(expression, symbol)


def _relative_slope(base: sp.Expr) -> tuple[sp.Expr, sp.Expr] | None:
    """x and f'(x)/f(x) where ``base`` is f(x) = exprel(x) or 1 + exp(x), finite where f' and f overflow; else None."""
    if isinstance(base, exprel):
        x = base.args[0]
        return x, select(gt(x, _FADED), 1 - 1 / maximum(x, _FADED), dexprel(x) / base)
    x = risen(base)
    return None if x is None else (x, select(gt(x, sp.Integer(0)), 1 - 1 / base, exp(x) / base))
