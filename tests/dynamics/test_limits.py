"""Limits are found around a value one by one, on either side of it and through names."""

from __future__ import annotations

import sympy as sp

from ranvier.dynamics.functions import maximum, minimum
from ranvier.dynamics.limits import Limit, limits_around

w, x, top = sp.symbols("w x top")


def fixed(e: sp.Expr) -> bool:
    return w not in e.free_symbols


def test_each_limit_from_the_outside() -> None:
    value = maximum(sp.Integer(0), minimum(w + x, 2 * top))
    limits = [Limit(maximum, sp.Integer(0)), Limit(minimum, 2 * top)]
    assert limits_around(value, fixed) == (limits, w + x)
    assert [limit.upper for limit in limits] == [False, True]


def test_names_are_followed_and_others_are_no_limits() -> None:
    named = sp.Symbol("named")
    assert limits_around(minimum(named, top), lambda e: e == top, {named: maximum(w, x)}) == (
        [Limit(minimum, top)],
        maximum(w, x),
    )
    for neither in (minimum(x, top), minimum(w, w + x), w + x):
        assert limits_around(neither, fixed) == ([], neither)
