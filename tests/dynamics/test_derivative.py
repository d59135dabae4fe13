"""Derivatives are those of SymPy, to the letter; those of quotients whose denominator overflows are finite."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import mpmath
import numpy as np
import pytest
import sympy as sp
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import ranvier as rv
from ranvier.dynamics import derivative
from ranvier.dynamics.functions import CONDITIONS, FUNCTIONS, both, eq, exprel, gt, jump, risen, select
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


def bare(e: sp.Expr) -> sp.Expr:
    """``e`` without the guards of powers whose base is 0."""
    return e.replace(lambda x: isinstance(x, select), _unguarded)


def _unguarded(e: sp.Expr) -> sp.Expr:
    """The slope in a guard; any other choice as it is."""
    condition, a, b = e.args
    of_log = isinstance(condition, eq) and condition.args[1] == 0 and a == 1
    of_root = isinstance(condition, gt) and condition.args[1] == 0 and b == 0
    of_power = isinstance(condition, both) and isinstance(condition.args[0], eq) and a == 0
    return b if of_log or of_power else a if of_root else e


def _positive(e: sp.Expr) -> sp.Expr:
    return 1 + e * e


@given(st.recursive(_leaves, _larger, max_leaves=8))
def test_it_is_what_sympy_gives(expression: sp.Expr) -> None:
    for name in NAMES:
        if not any(_overflows(p) for p in expression.atoms(sp.Pow)):
            assert bare(derivative(expression, name)) == bare(sp.diff(expression, name))


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
    assert sp.powsimp(sp.expand(bare(derivative(expression, v)) - sp.diff(expression, v))) == 0


#: text, and its derivative in v; where it is infinite it counts as 0
_STEEP = {
    "sqrt(1 + tanh(v))": lambda v: mpmath.sqrt(2) * mpmath.exp(v) / (1 + mpmath.exp(2 * v)) ** 1.5,
    "sqrt(v*v)": mpmath.sign,
    "sqrt(v**2 + v**4)": lambda v: (v + 2 * v**3) / mpmath.sqrt(v**2 + v**4) if v else 0,
    "sqrt(maximum(v, 0))": lambda v: 1 / (2 * mpmath.sqrt(v)) if v > 0 else 0,
    "(1 + tanh(v))**0.3*v": lambda v: mpmath.diff(lambda x: (2 / (1 + mpmath.exp(-2 * x))) ** 0.3 * x, v),
    "maximum(v, 0)**n": lambda v: 1.7 * v**0.7 if v > 0 else 0,
    "abs(v)**n/(1 + abs(v)**n)": lambda v: mpmath.sign(v) * 1.7 * abs(v) ** 0.7 / (1 + abs(v) ** 1.7) ** 2,
}


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("text", _STEEP)
def test_a_power_whose_base_and_its_slope_are_0(text: str, dtype: torch.dtype, provider: str) -> None:
    places = [-800.0, -40.0, -3.0, -0.5, 0.0, 0.4, 2.0]
    net = rv.Network(dt=1 * ms, dtype=dtype, provider=provider)
    numbers = {"n": rv.Learn(1.7)} if "n)" in text or "n/" in text or text.endswith("n") else {}
    net.population("c", len(places), rv.Cell(f"m' = m/2 + {text} : 1\nv' = v : 1", emit="m", **numbers))
    state = net.initial_state(1)
    v = torch.tensor([places], dtype=dtype, requires_grad=True)
    state = replace(state, variables={"c": {**state.variables["c"], "v": v}})
    made = net.run(1 * ms, state, grad=True, record={"c": ["m"]})["c"].m
    slope, *others = torch.autograd.grad(made.sum(), [v, *net.parameters()])
    with mpmath.workdps(50):
        expected = [float(_STEEP[text](mpmath.mpf(x))) for x in places]
    # 1 + tanh(v) has lost the digits below its rounding at -40
    np.testing.assert_allclose(slope[0], expected, rtol=1e-3 if dtype == torch.float32 else 1e-9, atol=5e-9)
    assert all(torch.isfinite(g).all() for g in others)


#: text, and its value and slope at -0.5, 0, 0.5 and 1
_AT_ZERO: dict[str, tuple[list[float], list[float]]] = {
    "sqrt(maximum(v, 0))": ([0, 0, 0.5**0.5, 1], [0, 0, 0.5**0.5, 0.5]),
    "sqrt(clip(v, 0, 2))": ([0, 0, 0.5**0.5, 1], [0, 0, 0.5**0.5, 0.5]),
    "maximum(v, 0)**0.25": ([0, 0, 0.5**0.25, 1], [0, 0, 0.25 * 0.5**-0.75, 0.25]),
    "maximum(v, 0)**0.5*maximum(v, 0)**h": ([0, 0, 0.5, 1], [0, 0, 1, 1]),
    "maximum(v, 0)**h": ([0, 0, 0.5**0.5, 1], [0, 0, 0.5**0.5, 0.5]),
    "maximum(v, 0)**(2*h)": ([0, 0, 0.5, 1], [0, 1, 1, 1]),
    "maximum(v, 0)**(3*h)": ([0, 0, 0.5**1.5, 1], [0, 0, 1.5 * 0.5**0.5, 1.5]),
    "maximum(v, 0)**1.5": ([0, 0, 0.5**1.5, 1], [0, 0, 1.5 * 0.5**0.5, 1.5]),
    "v*sqrt(maximum(v, 0))": ([0, 0, 0.5**1.5, 1], [0, 0, 1.5 * 0.5**0.5, 1.5]),
    "sqrt(v**2 + maximum(v, 0))": ([0.5, 0, 0.75**0.5, 2**0.5], [-1, 0, 0.75**-0.5, 1.5 * 2**-0.5]),
    "sqrt(maximum(v, 0) + maximum(-v, 0))": ([0.5**0.5, 0, 0.5**0.5, 1], [-(0.5**0.5), 0, 0.5**0.5, 0.5]),
    "sqrt(sqrt(maximum(v, 0)))": ([0, 0, 0.5**0.25, 1], [0, 0, 0.25 * 0.5**-0.75, 0.25]),
    "sqrt(abs(v))": ([0.5**0.5, 0, 0.5**0.5, 1], [-(0.5**0.5), 0, 0.5**0.5, 0.5]),
    "sqrt(1 - v*v)": ([0.75**0.5, 1, 0.75**0.5, 0], [0.5 * 0.75**-0.5, 0, -0.5 * 0.75**-0.5, 0]),
    "where(v > 0, sqrt(v), 0)": ([0, 0, 0.5**0.5, 1], [0, 0, 0.5**0.5, 0.5]),
    "abs(v)": ([0.5, 0, 0.5, 1], [-1, 0, 1, 1]),
    "abs(v)**h": ([0.5**0.5, 0, 0.5**0.5, 1], [-(0.5**0.5), 0, 0.5**0.5, 0.5]),
    "maximum(v, 0)": ([0, 0, 0.5, 1], [0, 1, 1, 1]),
    "log(1 + maximum(v, 0))": ([0, 0, math.log(1.5), math.log(2)], [0, 1, 1 / 1.5, 0.5]),
    "log(maximum(v, 0.25))": ([math.log(0.25)] * 2 + [math.log(0.5), 0], [0, 0, 2, 1]),
}


#: the same where a value is infinite, and its slope as it is
_INFINITE: dict[str, tuple[list[float], list[float]]] = {
    "log(maximum(v, 0))": ([-math.inf, -math.inf, math.log(0.5), 0], [0, math.inf, 2, 1]),
    "1/sqrt(maximum(v, 0))": ([math.inf, math.inf, 2**0.5, 1], [0, -math.inf, -(2**0.5), -0.5]),
    "maximum(v, 0)**-0.25": ([math.inf, math.inf, 2**0.25, 1], [0, -math.inf, -0.25 * 2**1.25, -0.25]),
}


@pytest.mark.filterwarnings("ignore:.* became:ranvier.errors.RanvierWarning")
@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("dtype", [pytest.param(torch.float32, marks=pytest.mark.slow), torch.float64])
@pytest.mark.parametrize("texts", [_AT_ZERO, *({e: pair} for e, pair in _INFINITE.items())])
def test_slopes_at_corners_and_where_they_are_infinite(
    texts: dict[str, tuple[list[float], list[float]]], dtype: torch.dtype, provider: str
) -> None:
    """An infinite slope counts as 0 where the value is finite; at a tie of ``maximum`` the first carries the slope."""
    places, names = [-0.5, 0.0, 0.5, 1.0], [f"m{k}" for k in range(len(texts))]
    text = "\n".join(f"{n}' = {e} : 1" for n, e in zip(names, texts, strict=True))
    net = rv.Network(dt=1 * ms, dtype=dtype, provider=provider)
    net.population(
        "c", len(places), rv.Cell(f"v' = v + x : 1\nx : 1 (input)\nspare' = h : 1\n{text}", emit="v", h=rv.Learn(0.5))
    )
    net.connect(net.input("x", len(places)), "c", nn.Identity())
    state = net.initial_state(1)
    v = torch.tensor([places], dtype=dtype, requires_grad=True)
    state = replace(state, variables={"c": {**state.variables["c"], "v": v}})
    found = net.observe(torch.zeros(1, 1, len(places), dtype=dtype), state, record={"c": names})["c"]
    for n, (e, (value, slope)) in zip(names, texts.items(), strict=True):
        made = found[n]
        np.testing.assert_allclose(made.detach().flatten(), value, rtol=1e-5, err_msg=e)
        (grad,) = torch.autograd.grad(made.sum(), v, retain_graph=True)
        np.testing.assert_allclose(grad[0], slope, rtol=1e-5, err_msg=e)
