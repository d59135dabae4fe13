"""Surrogates: every shape against the function it is the derivative of, and bad shapes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import quad
from scipy.special import erf, expit

from ranvier.errors import RanvierError
from ranvier.surrogates import ArcTan, Boxcar, FastSigmoid, Gaussian, Sigmoid, StraightThrough, Surrogate, Triangle
from ranvier.units import mV, volt
from tests.dynamics.evaluate import FUNCTIONS


def slope_of(surrogate: Surrogate) -> Callable[[float], float]:
    call = sp.lambdify(["u", *surrogate.values], surrogate.slope, [FUNCTIONS, "numpy"])
    return lambda u: float(call(u, *surrogate.values.values()))


@pytest.mark.parametrize(
    ("surrogate", "smooth"),
    [
        (ArcTan(alpha=3.0), lambda u: np.arctan(np.pi / 2 * 3 * u) / np.pi),
        (FastSigmoid(alpha=4.0), lambda u: u / (1 + 4 * abs(u))),
        (Sigmoid(alpha=2.0), lambda u: expit(2 * u)),
        (Gaussian(sigma=0.7), lambda u: 0.5 * erf(u / (0.7 * np.sqrt(2)))),
        (Triangle(gamma=0.3), lambda u: 0.3 * np.sign(u) * (abs(u) - u * u / 2) if abs(u) < 1 else 0.15 * np.sign(u)),
        (Boxcar(), lambda u: np.clip(u, -0.5, 0.5)),
        (StraightThrough(), lambda u: u),
    ],
    ids=lambda s: repr(s) if isinstance(s, Surrogate) else "",
)
@pytest.mark.parametrize("u", [-1.7, -0.4, 0.0, 0.2, 1.3])
def test_each_shape_is_the_derivative_of_its_smooth_step(surrogate: Surrogate, smooth, u: float):
    h = 1e-6
    expected = (smooth(u + h) - smooth(u - h)) / (2 * h)
    assert slope_of(surrogate)(u) == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize("shape", [ArcTan, Sigmoid, Gaussian, Triangle, Boxcar])
@pytest.mark.parametrize("width", [0.2, 1.0, 5.0])
def test_a_width_keeps_the_area_of_one(shape, width: float):
    area, _ = quad(slope_of(shape(width=width)), -50 * width, 50 * width, points=[0.0], limit=200)
    assert area == pytest.approx(1.0, abs=0.02)


def test_width_with_a_unit_counts_in_base_units():
    assert ArcTan(width=2 * mV).width == 2.0
    assert ArcTan(width=0.002 * volt).width == pytest.approx(2.0)


def test_one_line_makes_a_surrogate():
    mine = Surrogate("k/(1 + (pi*u)**2)", k=2.0)
    assert slope_of(mine)(0.5) == pytest.approx(2 / (1 + (np.pi / 2) ** 2))
    assert mine.values == {"surrogate_width": 1.0, "surrogate_k": 2.0}
    assert repr(mine) == "Surrogate('k/(1 + (pi*u)**2)', width=1, k=2)"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ArcTan(alpha=-1), ("alpha=-1", "positive")),
        (lambda: ArcTan(alpha=float("nan")), ("alpha=nan", "finite")),
        (lambda: ArcTan(width=0), ("width=0", "positive")),
        (lambda: Surrogate("exp(-u**2"), ("exp(-u**2", "cannot read")),
        (lambda: Surrogate("exp(-x**2)"), ("'x'", "unknown name")),
        (lambda: Surrogate("u*mV"), ("dimension", "mV")),
        (lambda: Surrogate("exp(-u**2)", beta=2.0), ("'beta'", "remove it")),
        (lambda: Surrogate("exp(-u**2)", u=2.0), ("'u'", "rename")),
        (lambda: Surrogate("pi*u", pi=2.0), ("'pi'", "reserved")),
        (lambda: Surrogate("1/(1 - 1)"), ("divides by zero",)),
    ],
)
def test_bad_shapes_are_refused(make, words: tuple[str, ...]):
    with pytest.raises(RanvierError) as caught:
        make()
    assert not [w for w in words if w not in str(caught.value)], str(caught.value)


SHAPES = {f.__name__: f for f in (Triangle, Boxcar, ArcTan, FastSigmoid, Gaussian, StraightThrough)}


@pytest.mark.parametrize("name", SHAPES)
def test_how_far_a_shape_reaches(name: str) -> None:
    """Whatever the width: the reach is counted in it."""
    ends = {"Triangle": 1.0, "Boxcar": 0.5}
    shape = {} if name == "StraightThrough" else {"width": 3.0}
    found = SHAPES[name](**shape).support
    assert found is None if name not in ends else found == pytest.approx(ends[name])
