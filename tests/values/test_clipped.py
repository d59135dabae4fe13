"""Values moved to a bound: the inner distribution between the bounds, the rest of it on them."""

from __future__ import annotations

import numpy as np
import pytest

from ranvier.errors import RanvierError
from ranvier.units import ms, mV
from ranvier.values import Clipped, Normal, Uniform


def test_values_between_the_bounds_are_those_of_the_inner_distribution() -> None:
    inner, u = Normal(1 * ms, 1 * ms), np.linspace(0.001, 0.999, 500)
    found = Clipped(inner, low=0.5 * ms, high=2 * ms)
    np.testing.assert_array_equal(found.quantile(u), np.clip(inner.quantile(u), 0.5, 2))
    assert found.dimension == ms.dimension
    assert (found.draw(20_000, 1, "x") == 0.5).mean() == pytest.approx(0.3085, abs=0.01)


def test_one_bound_is_enough() -> None:
    assert Clipped(Uniform(0, 1), high=0.5).quantile(np.array([0.2, 0.9])).tolist() == [0.2, 0.5]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Clipped(Uniform(0, 1), low=2, high=1), "exceeds"),
        (lambda: Clipped(Uniform(0, 1), low=2 * mV), "unit"),
        (lambda: Clipped(3), "takes a distribution"),
        (lambda: Clipped(Uniform(0, 1), low=float("nan")), "finite"),
    ],
)
def test_wrong_clips(make, says: str) -> None:
    with pytest.raises(RanvierError, match=says):
        make()
