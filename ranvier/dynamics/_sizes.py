"""The size of an expression, and its size once multiplied out."""

from __future__ import annotations

from math import comb

import sympy as sp

__all__ = ["depth", "expanded", "nodes", "terms"]

#: products of sums with more terms than this stay as they are written
_MOST_TERMS = 200


def nodes(e: sp.Basic, most: int = 10**9) -> int:
    """The number of parts of ``e`` as a tree; counting stops at ``most``."""
    count, stack = 0, [e]
    while stack and count < most:
        part = stack.pop()
        count += 1
        stack.extend(part.args)
    return count


def depth(e: sp.Basic) -> int:
    """The number of levels of ``e``."""
    return 1 + max(map(depth, e.args), default=0)


def terms(e: sp.Basic) -> int:
    """An upper limit of the number of terms that ``e`` has once products and powers of sums are multiplied out."""
    if e.is_Add:
        return sum(map(terms, e.args))
    if e.is_Mul:
        product = 1
        for part in e.args:
            product = min(product * terms(part), 10**9)
        return product
    if e.is_Pow and e.args[1].is_Integer and abs(e.args[1]) > 1:
        base, power = terms(e.args[0]), abs(int(e.args[1]))
        if base > 1 and base + power > 10**4:
            return 10**9
        return min(comb(base + power - 1, power), 10**9)
    return max(map(terms, e.args), default=1)


def expanded(e: sp.Expr) -> sp.Expr:
    """``e`` with sums multiplied out where the result stays small; exp(a + b) stays whole, its factors can overflow."""
    if e.is_Atom or terms(e) > _MOST_TERMS:
        return e
    return sp.expand(e, power_exp=False, power_base=False, log=False)
