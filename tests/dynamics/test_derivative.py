"""Derivatives are those of SymPy, to the letter."""

from __future__ import annotations

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from ranvier.dynamics import derivative
from ranvier.dynamics.functions import CONDITIONS, FUNCTIONS, jump

NAMES = sp.symbols("v w tau")
_numbers = st.sampled_from([sp.Integer(2), sp.Integer(-1), sp.Rational(1, 2), sp.Float(0.3)])
_leaves = st.one_of(st.sampled_from(NAMES), _numbers)
_built = [(f, n) for f, n in FUNCTIONS.values() if f not in (sp.Pow, sp.log, sp.sqrt)]
_built += [(f, 2) for f in CONDITIONS.values()] + [(jump, 3)]


def _larger(parts: st.SearchStrategy[sp.Expr]) -> st.SearchStrategy[sp.Expr]:
    sums = st.lists(parts, min_size=2, max_size=3).map(lambda a: sp.Add(*a))
    products = st.lists(parts, min_size=2, max_size=3).map(lambda a: sp.Mul(*a))
    powers = st.tuples(parts, st.sampled_from([2, 3, -1, sp.Rational(1, 2), sp.Float(1.5)])).map(
        lambda a: _positive(a[0]) ** a[1]
    )
    called = st.sampled_from(_built).flatmap(lambda f: st.tuples(*[parts] * f[1]).map(lambda a: f[0](*a)))
    logs = parts.map(lambda a: sp.log(_positive(a)))
    return st.one_of(sums, products, powers, called, logs)


def _positive(e: sp.Expr) -> sp.Expr:
    return 1 + e * e


@given(st.recursive(_leaves, _larger, max_leaves=8))
def test_it_is_what_sympy_gives(expression: sp.Expr) -> None:
    for name in NAMES:
        assert derivative(expression, name) == sp.diff(expression, name)


@pytest.mark.parametrize("text", ["2**v", "v**w", "v**v/w", "exp(2*v)**w"])
def test_a_power_of_a_variable(text: str) -> None:
    v, w, _ = NAMES
    expression = sp.sympify(text, {"v": v, "w": w})
    assert derivative(expression, v) == sp.diff(expression, v)
