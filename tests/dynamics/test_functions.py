"""Functions of the language: derivatives against finite differences, and values at once for plain numbers."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import sympy as sp
from scipy import special

from ranvier.dynamics import functions
from tests.dynamics.evaluate import FUNCTIONS

CLASSES = {
    name: c
    for name, c in inspect.getmembers(functions, inspect.isclass)
    if issubclass(c, sp.Function) and not name.startswith("_")
}
SMOOTH = [
    "exp",
    "exprel",
    "expm1",
    "log1p",
    "sigmoid",
    "tanh",
    "arctan",
    "erf",
    "absolute",
    "minimum",
    "maximum",
    "floor",
    "sign",
    "nearest",
]
X, Y, Z = sp.symbols("x y z")


def number(expression: sp.Expr, **values: float) -> float:
    symbols = sorted(expression.free_symbols, key=str)
    return float(sp.lambdify(symbols, expression, [FUNCTIONS, "numpy"])(*(values[str(s)] for s in symbols)))


def test_the_interpreter_knows_every_function():
    assert CLASSES.keys() == FUNCTIONS.keys()


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("x", [-0.9, -0.03, 0.02, 0.7, 2.3])
def test_derivative_is_that_of_finite_differences(name: str, x: float):
    function = CLASSES[name]
    arguments = (X, sp.Float(0.31)) if name in ("minimum", "maximum") else (X,)
    expression, h = function(*arguments), 1e-6
    slope = (number(expression, x=x + h) - number(expression, x=x - h)) / (2 * h)
    assert number(sp.diff(expression, X), x=x) == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize("name", ["arcsin", "arccos"])
@pytest.mark.parametrize("x", [-0.9, -0.03, 0.02, 0.7])
def test_the_slope_of_an_inverse_is_that_of_finite_differences(name: str, x: float):
    expression, h = CLASSES[name](X), 1e-6
    slope = (number(expression, x=x + h) - number(expression, x=x - h)) / (2 * h)
    assert number(sp.diff(expression, X), x=x) == pytest.approx(slope, abs=1e-6)
    assert number(sp.diff(expression, X), x=1.0) == 0


@pytest.mark.parametrize("x", [-30.0, -1.0, -1e-3, 1e-9, 0.2, 20.0])
def test_exprel_and_its_derivative_near_and_far_from_zero(x: float):
    assert number(functions.exprel(sp.Float(x))) == pytest.approx(special.exprel(x), rel=1e-13)
    expected = (np.exp(x) - special.exprel(x)) / x if abs(x) > 0.01 else 0.5 + x / 3
    assert number(functions.dexprel(sp.Float(x))) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_a_function_of_numbers_is_a_number(name: str):
    (count,) = CLASSES[name].nargs
    arguments = [1.0, 0.25, 0.5][:count]
    expected = FUNCTIONS[name](*arguments)
    result = CLASSES[name](*map(sp.Float, arguments))
    assert result.is_Number
    assert float(result) == pytest.approx(float(expected), rel=1e-6)


def test_what_has_no_value_becomes_nan():
    assert functions.log1p(sp.Integer(-2)) is sp.nan
    assert functions.expm1(sp.Integer(10**5)) is sp.nan


def test_select_hides_its_condition_and_jump_shows_it():
    assert sp.diff(functions.select(X, Y, Z), X) == 0
    assert sp.diff(functions.jump(X, Y, Z), X) == Y - Z
    for function in (functions.select, functions.jump):
        assert number(sp.diff(function(X, Y, Z), Y), x=1.0) == 1.0
        assert number(sp.diff(function(X, Y, Z), Z), x=1.0) == 0.0


def test_at_a_tie_the_first_carries_the_gradient():
    for function in (functions.minimum, functions.maximum):
        f = function(X, Y)
        assert (number(sp.diff(f, X), x=2.0, y=2.0), number(sp.diff(f, Y), x=2.0, y=2.0)) == (1.0, 0.0)
