"""Expressions: values, dimensions, conditions, and every function."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from ranvier.dynamics import Reader, parse_expression
from ranvier.errors import DimensionError
from ranvier.units import UNITS, Dimension, mm, ms, mV, nA, nF, second, uF, uS, volt
from tests.dynamics.evaluate import FUNCTIONS

NAMES = {"v": mV, "w": nA, "g": uS, "C": nF, "tau": ms, "x": UNITS["1"], "y": UNITS["1"]}
READER = Reader({n: u.dimension for n, u in NAMES.items()})


def read(text: str) -> tuple[sp.Expr, Dimension]:
    return READER.read(parse_expression(text), text)


def value(text: str, **values: float) -> float:
    expression, _ = read(text)
    symbols = sorted(expression.free_symbols, key=str)
    return float(sp.lambdify(symbols, expression, [FUNCTIONS, "numpy"])(*(values[str(s)] for s in symbols)))


@pytest.mark.parametrize(
    ("text", "dimension"),
    [
        ("v + 3*mV", mV.dimension),
        ("g*v + w", nA.dimension),
        ("v/tau - w/C", (mV / ms).dimension),
        ("v**2", (mV**2).dimension),
        ("pow(v, 2)", (mV**2).dimension),
        ("v**0.5*v**-1", (mV**-0.5).dimension),
        ("v**(1/2)", (mV**0.5).dimension),
        ("sqrt(v*v)", mV.dimension),
        ("abs(v) + maximum(v, 0) + minimum(v, v) + clip(v, 0, 1*mV)", mV.dimension),
        ("where(v > 0 and not x > 1, v, 0)", mV.dimension),
        ("exp(v/mV) + log(x) + tanh(x) + sigmoid(x) + sin(x) + cos(x) + exprel(x) + expm1(x) + log1p(x)", Dimension()),
        ("sign(v)*floor(x) + int(v > 0)", Dimension()),
        ("0 + v", mV.dimension),
        ("t/dt + t/tau", Dimension()),
        ("C/(1*mm**2) + 2*uF/cm**2", (nF / mm**2).dimension),
        ("v > 1*mV", Dimension()),
        ("-v + +v", mV.dimension),
    ],
)
def test_dimension_of_every_operation(text: str, dimension: Dimension):
    assert read(text)[1] == dimension


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1*second/(1*ms)", 1000.0),
        ("volt/mV", 1000.0),
        ("1*uF/cm**2/(nF/mm**2)", 10.0),
        ("2*pi", 2 * math.pi),
        ("exp(1)", math.e),
        ("exprel(0)", 1.0),
        ("sqrt(2)**2", 2.0),
        ("2**10", 1024.0),
        ("2**-1", 0.5),
        ("1 < 2 < 3", 1.0),
        ("1 < 2 > 3", 0.0),
        ("not 1 == 2", 1.0),
        ("2 != 2 or 3 >= 3", 1.0),
        ("where(1 > 2, 5, 7)", 7.0),
        ("int(2 >= 2) + int(1 > 2)", 1.0),
        ("abs(-3) + sign(-3) + minimum(1, 2) + maximum(1, 2) + clip(9, 0, 4)", 9.0),
        ("9**9**0.5", 729.0),
        ("3*True", 3.0),
    ],
)
def test_numbers(text: str, expected: float):
    assert value(text) == pytest.approx(expected, rel=1e-15)


reals = st.floats(-3, 3, allow_nan=False)


@given(x=reals, y=reals)
def test_functions_mean_what_numpy_means(x: float, y: float):
    assert value("where(x > y, x, y)", x=x, y=y) == max(x, y)
    assert value("clip(x, -1, y)", x=x, y=y) == np.minimum(np.maximum(x, -1), y)
    assert value("expm1(x) - tanh(y)", x=x, y=y) == pytest.approx(np.expm1(x) - np.tanh(y))
    assert value("(x >= y)*1 + (x < y)*1", x=x, y=y) == 1.0


def test_units_are_counted_in_base_units():
    assert float(volt.value) == 1000.0
    assert value("v/volt", v=1.0) == pytest.approx(1e-3)
    assert value("tau/second", tau=1.0) == pytest.approx(1 / float(second.value))
    assert float(uF.value) == 1000.0


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("v + w", "multiply or divide"),
        ("v + 1", "multiply or divide"),
        ("v > w", "multiply or divide"),
        ("exp(v)", "divide it by a quantity of dimension mV"),
        ("floor(v)", "divide it"),
        ("x**v", "divide it"),
        ("v**x", "divide it"),
        ("pow(v, x)", "divide it"),
        ("maximum(v, w)", "multiply or divide"),
        ("where(x > 0, v, w)", "multiply or divide"),
        ("clip(v, 0, 1)", "multiply or divide"),
    ],
)
def test_dimensions_that_do_not_fit(text: str, remedy: str):
    with pytest.raises(DimensionError, match=remedy) as error:
        read(text)
    assert text in str(error.value)
