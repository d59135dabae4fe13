"""Quotients that are 0/0 at one point and have a limit there, such as x/(exp(x) - 1), in a form that takes the limit.

A factor g(A) that vanishes with A is A times a smooth function. Where A cancels against another factor of the quotient,
only the smooth function is left, and it is a combination of :class:`exprel`.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import sympy as sp

from ranvier.dynamics._exact_form import KEPT, ExactForm, TooLargeError
from ranvier.dynamics._sizes import terms
from ranvier.dynamics.functions import exp, exprel, gt, log1p, select, sigmoid

__all__ = ["lifted", "may_vanish"]

_ONE = sp.Integer(1)
_MOST_TERMS = 200


class _Zero(NamedTuple):
    """A factor ``scale * g(argument)``, where g(A)/A is smooth and 1 at A = 0."""

    scale: sp.Expr
    argument: sp.Expr
    function: str


def may_vanish(node: ast.expr, definitions: Mapping[str, ast.expr]) -> bool:
    """Whether ``node`` divides, and holds a function that vanishes somewhere: a cheap test before the search."""
    divides, vanishes, seen, stack = False, False, set(), [node]
    while stack:
        for part in ast.walk(stack.pop()):
            if isinstance(part, ast.Call) and isinstance(part.func, ast.Name):
                vanishes |= part.func.id in KEPT
            elif isinstance(part, ast.BinOp):
                divides |= isinstance(part.op, ast.Div | ast.Pow)
            elif isinstance(part, ast.Name) and part.id in definitions and part.id not in seen:
                seen.add(part.id)
                stack.append(definitions[part.id])
    return divides and vanishes


def lifted(node: ast.expr, form: ExactForm) -> sp.Expr | None:
    """The product or quotient ``node`` without its removable singularities; None where none is found."""
    try:
        whole = form.visit(node)
    except TooLargeError:
        return None
    return _lifted(whole, form)


def _lifted(whole: sp.Expr, form: ExactForm) -> sp.Expr | None:
    """As :func:`lifted`, of an exact product."""
    powers: Counter[sp.Expr] = Counter()
    out: sp.Expr = _ONE
    for part in sp.Mul.make_args(whole):
        base, power = part.as_base_exp()
        if power.is_Integer and not base.is_number:
            powers[base] += int(power)
        else:
            out *= form.written(part)
    zeros = {base: zero for base in powers if (zero := _zero(base)) is not None}
    found = False
    for below in [b for b in powers if powers[b] < 0]:
        while powers[below] < 0:
            pair = _partner(below, powers, zeros)
            if pair is None:
                break
            above, zero_above, ratio = pair
            out *= form.written(ratio)
            if below in zeros:
                zero = zeros[below]
                out *= _reciprocal(zero.function, form.written(zero.argument)) / form.written(zero.scale)
            if zero_above is not None:
                out *= _smooth(zero_above.function, form.written(zero_above.argument)) * form.written(zero_above.scale)
            powers[above] -= 1
            powers[below] += 1
            found = True
    if not found:
        return None
    return out * sp.Mul(*(_written(base, form) ** power for base, power in powers.items() if power))


def _written(e: sp.Expr, form: ExactForm) -> sp.Expr:
    """An exact expression in the functions of the language, the products in its sums without their removable singularities."""
    if e.is_Add:
        return sp.Add(*(_written(term, form) for term in e.args))
    found = _lifted(e, form) if e.is_Mul else None
    return form.written(e) if found is None else found


def _zero(base: sp.Expr) -> _Zero | None:
    """The zero of a factor, where it has the form of one; None for any other."""
    name = next((n for n, kept in KEPT.items() if base.func == kept), None)
    if name is not None:
        (a,) = base.args
        return None if name == "exp" else _Zero(_ONE, a - 1 if name == "log" else a, name)
    if not base.is_Add or len(base.args) != 2:
        return None
    (c1, a1), (c2, a2) = map(_exponential, base.args)
    if a1 == 0:
        (c1, a1), (c2, a2) = (c2, a2), (c1, a1)
    factor = -c1 / c2
    if a1 == 0 or (factor.is_number and not factor > 0):
        return None
    a = a1 - a2
    if factor != 1:  # the quotient of the coefficients joins the exponent
        a += KEPT["log"](factor)
    # c1*exp(a1) + c2*exp(a2) = -c2*exp(a2)*(exp(a) - 1)
    if a2 == 0:
        return _Zero(-c2, a, "expm1")
    return _Zero(-2 * c2 * KEPT["exp"](a2 + a / 2), a / 2, "sinh")


def _exponential(term: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """A term as coefficient and exponent."""
    coefficient, exponent = _ONE, sp.Integer(0)
    for part in sp.Mul.make_args(term):
        base, power = part.as_base_exp()
        if base.func == KEPT["exp"] and power.is_Integer:
            exponent += power * base.args[0]
        else:
            coefficient *= part
    return coefficient, exponent


def _partner(
    below: sp.Expr, powers: Mapping[sp.Expr, int], zeros: Mapping[sp.Expr, _Zero]
) -> tuple[sp.Expr, _Zero | None, sp.Expr] | None:
    """The numerator factor with the same zero as ``below``, and the rest of both; the simplest candidate wins.

    A factor above vanishes as a function does, or as a sum of products that share a factor.
    """
    found = []
    for above in [b for b, power in powers.items() if power > 0]:
        for zero in dict.fromkeys((zeros.get(above), None)):
            if zero is None and below not in zeros:
                continue
            ratio = _ratio(above if zero is None else zero.argument, zeros[below].argument if below in zeros else below)
            if ratio is not None:
                found.append((sp.count_ops(sp.denom(ratio)), above, zero, ratio))
    return min(found, key=lambda f: f[0])[1:] if found else None


def _ratio(above: sp.Expr, below: sp.Expr) -> sp.Expr | None:
    """above/below where both have a factor in common; None elsewhere."""
    first, second = above.as_coefficients_dict(), below.as_coefficients_dict()
    if first.keys() == second.keys():
        ratios = {first[k] / second[k] for k in first}
        if len(ratios) == 1:
            return ratios.pop()
    if not above.free_symbols & below.free_symbols or max(terms(above), terms(below)) > _MOST_TERMS:
        return None
    try:
        common = sp.gcd(*(sp.fraction(sp.together(e))[0] for e in (above, below)))
        return None if common.is_number else sp.cancel(above / below)
    except sp.PolynomialError:  # not made of sums and products
        return None


def _size(a: sp.Expr) -> sp.Expr:
    """|a|, whose derivative at 0 is -1: even functions of it have the right second derivative there."""
    return select(gt(a, 0), a, -a)


def _logarithm(name: str, a: sp.Expr) -> sp.Expr:
    return log1p(a) if name == "log1p" else sp.log(1 + a)


def _smooth(name: str, a: sp.Expr) -> sp.Expr:
    """g(a)/a without overflow where the value has none."""
    if name == "expm1":
        return exprel(a)
    if name in ("log", "log1p"):
        return 1 / exprel(_logarithm(name, a))
    size = _size(a)
    return 2 * exprel(-2 * size) * (sigmoid(2 * size) if name == "tanh" else exp(size) / 2)


def _reciprocal(name: str, a: sp.Expr) -> sp.Expr:
    """a/g(a) without overflow where the value has none."""
    if name == "expm1":
        return 1 / exprel(a)
    if name in ("log", "log1p"):
        return exprel(_logarithm(name, a))
    size = _size(a)
    if name == "tanh":
        return 1 / exprel(-2 * size) - size
    return exp(-size) / exprel(-2 * size)
