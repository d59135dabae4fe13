"""Derivatives are those of SymPy, to the letter; those of quotients whose denominator overflows are finite."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import mpmath
import numpy as np
import pytest
import sympy as sp
import torch
from hypothesis import given
from hypothesis import strategies as st

import ranvier as rv
from ranvier.dynamics import derivative
from ranvier.dynamics.functions import CONDITIONS, FUNCTIONS, exprel, jump, risen
from ranvier.units import ms

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
        if not any(_overflows(p) for p in expression.atoms(sp.Pow)):
            assert derivative(expression, name) == sp.diff(expression, name)


def _overflows(e: sp.Pow) -> bool:
    return bool(e.args[1].is_negative) and (isinstance(e.args[0], exprel) or risen(e.args[0]) is not None)


EXTREME = [-9000.0, -900.0, -89.0, -1.0, 0.0, 0.5, 41.0, 60.0, 87.0, 200.0, 900.0, 9000.0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ("v/(exp(v) - 1)", lambda x: x / mpmath.expm1(x) if x else mpmath.mpf(1)),
        ("1/(1 + exp(v))", lambda x: 1 / (1 + mpmath.exp(x))),
    ],
)
def test_slopes_of_quotients_whose_denominator_overflows(
    text: str, exact: Callable, provider: str, dtype: torch.dtype
) -> None:
    net = rv.Network(dt=0.1 * ms, seed=1, dtype=dtype, provider=provider)
    net.population("c", len(EXTREME), rv.Cell(f"n' = n/2 + {text} : 1\nv' = v : 1", emit="n"))
    state = net.initial_state(1)
    v = torch.tensor([EXTREME], dtype=dtype, requires_grad=True)
    state = replace(state, variables={"c": {**state.variables["c"], "v": v}})
    made = net.run(0.1 * ms, state, grad=True, record={"c": ["n"]})["c"].n
    (slope,) = torch.autograd.grad(made.sum(), v)
    with mpmath.workdps(50):
        expected = [float(mpmath.diff(exact, x)) if x or "1/" in text else -0.5 for x in EXTREME]
    np.testing.assert_allclose(slope[0], expected, rtol=2e-6, atol=1e-37)


@pytest.mark.parametrize("text", ["2**v", "v**w", "v**v/w", "exp(2*v)**w"])
def test_a_power_of_a_variable(text: str) -> None:
    v, w, _ = NAMES
    expression = sp.sympify(text, {"v": v, "w": w})
    assert derivative(expression, v) == sp.diff(expression, v)
