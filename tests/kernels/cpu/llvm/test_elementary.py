"""Every elementary function at every exponent of its type, against many digits."""

from __future__ import annotations

import math
from collections.abc import Callable

import mpmath
import numpy as np
import pytest

from tests.kernels.cpu.llvm.test_lanes import DTYPES, run

BOUND = {"float32": 3.0, "float64": 2.0}
mpf = mpmath.mpf
Exact = Callable[[float], "mpmath.mpf | float"]


def every_exponent(dtype: str, each: int = 1) -> np.ndarray:
    """Numbers of both signs with every exponent, subnormal ones included, and 0."""
    kind, rng = np.finfo(dtype), np.random.default_rng(7)
    exponents = np.arange(int(np.log2(float(kind.smallest_subnormal))), kind.maxexp)
    mantissas = np.concatenate([np.ones((1, exponents.size)), 1 + rng.random((each, exponents.size))])
    with np.errstate(over="ignore"):
        x = np.ldexp(mantissas, exponents).ravel().astype(dtype)
    x = x[np.isfinite(x)]
    return np.concatenate([x, -x, np.zeros(1, dtype)])


def bounded(function: Exact, low: float, below: Exact, above: Exact) -> Exact:
    """``function`` between -low and low, where it needs few digits; its limits beyond."""
    return lambda x: function(mpf(x)) if abs(x) < low else (above(x) if x > 0 else below(x))


def logarithm(x: float) -> mpmath.mpf | float:
    return mpmath.log(x) if x > 0 else (-math.inf if x == 0 else math.nan)


def exprel(x: mpmath.mpf) -> mpmath.mpf:
    return mpmath.expm1(x) / x if abs(x) > 1e-20 else 1 + x / 2


EXACT: dict[str, Exact] = {
    "exp": bounded(mpmath.exp, 2000, lambda x: 0.0, lambda x: math.inf),
    "expm1": bounded(mpmath.expm1, 2000, lambda x: -1.0, lambda x: math.inf),
    "exprel": bounded(exprel, 2000, lambda x: -1 / mpf(x), lambda x: math.inf),
    "log": logarithm,
    "log1p": lambda x: mpmath.log1p(x) if x > -1 else (-math.inf if x == -1 else math.nan),
    "tanh": bounded(lambda x: mpmath.tanh(x) if abs(x) > 1e-20 else x, 2000, lambda x: -1.0, lambda x: 1.0),
    "sigmoid": bounded(lambda x: 1 / (1 + mpmath.exp(-x)), 2000, lambda x: 0.0, lambda x: 1.0),
    "sin": lambda x: mpmath.sin(mpf(x)),
    "cos": lambda x: mpmath.cos(mpf(x)),
    "arctan": lambda x: mpmath.atan(mpf(x)),
    "arcsin": lambda x: mpmath.asin(mpf(x)) if abs(x) <= 1 else math.nan,
    "arccos": lambda x: mpmath.acos(mpf(x)) if abs(x) <= 1 else math.nan,
    "erf": bounded(
        lambda x: mpmath.erf(x) if abs(x) > 1e-20 else 2 * x / mpmath.sqrt(mpmath.pi), 30, lambda x: -1.0, lambda x: 1.0
    ),
    "sqrt": lambda x: mpmath.sqrt(x) if x >= 0 else math.nan,
}


def distance(got: float, exact: mpmath.mpf | float, dtype: str) -> float:
    """In units of the last place of the exact value; those of subnormal numbers are all the same."""
    kind = np.finfo(dtype)
    if isinstance(exact, float) and not math.isfinite(exact):
        return 0.0 if got == exact or (math.isnan(got) and math.isnan(exact)) else math.inf
    if abs(exact) >= mpf(2) ** kind.maxexp * (1 - mpf(2) ** (-kind.nmant - 2)):
        return 0.0 if abs(got) == math.inf else math.inf
    if not math.isfinite(got) or exact == 0:
        return 0.0 if got == exact else math.inf
    exponent = max(int(mpmath.floor(mpmath.log(abs(exact), 2))), kind.minexp)
    return float(abs(mpf(got) - exact) / mpf(2) ** (exponent - kind.nmant))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", EXACT)
def test_at_every_exponent(name: str, dtype: str) -> None:
    x = every_exponent(dtype)
    got = run(lambda k, a: getattr(k, name)(a), dtype, x)
    for value, result in zip(x.tolist(), got.tolist(), strict=True):
        with mpmath.workprec(1300 if name in ("sin", "cos") and abs(value) > 1e15 else 180):
            assert distance(result, EXACT[name](value), dtype) <= BOUND[dtype], value


@pytest.mark.parametrize(
    ("dtype", "x"), [("float64", 6381956970095103.0 * 2.0**797), ("float32", 16367173.0 * 2.0**72)]
)
def test_the_angles_next_to_multiples_of_half_pi(dtype: str, x: float) -> None:
    """The hardest arguments of each type: all leading digits of the reduction cancel."""
    for name in ("sin", "cos"):
        got = run(lambda k, a, name=name: getattr(k, name)(a), dtype, np.array([x, -x]))
        with mpmath.workprec(1300):
            for sign, result in zip((1, -1), got.tolist(), strict=True):
                assert distance(result, getattr(mpmath, name)(mpf(sign * x)), dtype) <= 2


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["arctan", "arcsin", "arccos", "erf"])
def test_between_the_ends_of_their_pieces(name: str, dtype: str) -> None:
    x = np.random.default_rng(3).uniform(-1, 1, 1500) * (1 if name.startswith("arc") and name != "arctan" else 7)
    x = np.concatenate([x, [1, -1, np.nextafter(1, 0, dtype=dtype), np.sqrt(2) - 1, 1.0000001, 6, 4]]).astype(dtype)
    got = run(lambda k, a: getattr(k, name)(a), dtype, x)
    for value, result in zip(x.tolist(), got.tolist(), strict=True):
        with mpmath.workprec(180):
            assert distance(result, EXACT[name](value), dtype) <= 3, value


@pytest.mark.parametrize("dtype", DTYPES)
def test_large_and_small_angles_side_by_side(dtype: str) -> None:
    """The slow way is taken by the lanes that need it, and changes no other."""
    x = np.array([0.5, 1e30, -2.0, np.inf, 3.0, -1e20, np.nan, 1.0] * 2, dtype)
    alone = [run(lambda k, a: k.sin(a), dtype, np.full(16, v))[0] for v in x]
    np.testing.assert_array_equal(run(lambda k, a: k.sin(a), dtype, x), alone)
    np.testing.assert_allclose(alone, np.where(np.isfinite(x), np.sin(x.astype(np.float64)), np.nan), rtol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_powers_up_to_the_ends_of_the_range(dtype: str) -> None:
    kind, rng = np.finfo(dtype), np.random.default_rng(8)
    most = math.log(float(kind.max))
    x = np.concatenate([np.exp(rng.uniform(-most, most, 1000)), 1 + rng.uniform(-0.5, 0.5, 1000)]).astype(dtype)
    y = (rng.uniform(-1, 1, x.size) * 1.01 * most / np.log(x.astype(np.float64))).astype(dtype)
    got = run(lambda k, a, b: k.power(a, b), dtype, x, y)
    for a, b, result in zip(x.tolist(), y.tolist(), got.tolist(), strict=True):
        with mpmath.workprec(180):
            assert distance(result, mpf(a) ** mpf(b), dtype) <= BOUND[dtype], (a, b)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [2, 3, 4, 5, 7, 12, 100, 1000])
def test_whole_powers_up_to_the_ends_of_the_range(n: int, dtype: str) -> None:
    rng, most = np.random.default_rng(9), math.log(float(np.finfo(dtype).max)) / n
    x = (np.exp(rng.uniform(-most, 1.01 * most, 400)) * rng.choice([-1, 1], 400)).astype(dtype)
    got = run(lambda k, a: k.power_int(a, n), dtype, x)
    for value, result in zip(x.tolist(), got.tolist(), strict=True):
        with mpmath.workprec(180):
            assert distance(result, mpf(value) ** n, dtype) <= BOUND[dtype], value
