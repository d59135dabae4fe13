"""How many steps a time is: exact wherever a time is written as a decimal number."""

from __future__ import annotations

import random
import warnings
from fractions import Fraction

import numpy as np
import pytest

from ranvier.errors import DimensionError, RanvierWarning
from ranvier.units import ms, second, us
from ranvier.units.steps import (
    fraction_of,
    nearest_steps,
    same_time,
    steps_before,
    steps_in,
    times_at,
    whole_steps,
)


def decimals(count: int) -> list[tuple[float, Fraction]]:
    """Steps as people write them, 1 us to 100 ms with up to four digits, as floats and as what they mean."""
    chosen = random.Random(1)
    digits = [(chosen.randint(1, 9999), 10 ** chosen.randint(0, 6)) for _ in range(count)]
    return [(n / q, Fraction(n, q)) for n, q in digits if 1e-3 <= n / q <= 100]


def test_multiples_of_any_step_are_counted_exactly() -> None:
    chosen = random.Random(2)
    for dt, meant in decimals(400):
        for _ in range(10):
            n = chosen.choice([chosen.randint(0, 100), chosen.randint(0, 10**10)])
            for time in (n * dt, float(n * meant), (n * 1000 * dt) / 1000, n * (dt * us).value * 1000):
                assert steps_in(time, dt) == n, (time, dt)
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    assert whole_steps(time * ms, dt, "time") == n


def test_halves_go_to_the_even_step_however_they_are_rounded() -> None:
    for dt, meant in decimals(400):
        for n in (0, 1, 2, 3, 77, 123_456_789):
            assert nearest_steps(float((n + Fraction(1, 2)) * meant), dt) == n + n % 2
    np.testing.assert_array_equal(nearest_steps([0.25, 0.35, 0.15, 1.05], 0.1), [2, 4, 2, 10])


def test_what_lies_between_is_not_moved() -> None:
    for dt, _ in decimals(100):
        for q in (0.4999, 0.5001, 1 / 3, 7.25, 1000.499, 1e6 + 1 / 3):
            assert steps_in(q * dt, dt) == pytest.approx(q, rel=1e-14)
            assert nearest_steps(q * dt, dt) == round(q)


def test_times_of_steps_are_the_nearest_floats_for_ten_thousand_million_steps() -> None:
    chosen = random.Random(3)
    for dt, meant in decimals(200):
        steps = [0, 1, 3, 21, 10**10, *(chosen.randint(0, 10**10) for _ in range(20))]
        exact = [n * meant for n in steps]
        for time, wanted in zip(times_at(steps, dt), exact, strict=True):
            assert abs(Fraction(float(time)) - wanted) <= Fraction(np.spacing(float(wanted))) / 2
    assert list(times_at([3, 21], 0.1)) == [0.3, 2.1]
    odd = 0.1234567890123456  # no simple fraction is near: the product, rounded once
    np.testing.assert_array_equal(times_at([3, 7], odd), np.array([3, 7]) * odd)


def test_whole_times_fall_into_the_bins_that_hold_them() -> None:
    chosen = random.Random(4)
    for _ in range(300):
        step = Fraction(chosen.randint(1, 99999), chosen.choice([1, 1, 2, 3, 10]))
        time = np.array([chosen.randint(0, 10**9) for _ in range(10)] + [int(7 * step), int(8 * step) - 1])
        assert steps_before(time, step).tolist() == [int(t) * step.denominator // step.numerator for t in time.tolist()]
    assert steps_before(np.array([2**61, 2**40]), Fraction(0.1)).tolist() == [2**62, 10 * 2**40], (
        "floats do not overflow"
    )


def test_a_time_between_two_steps_is_refused_with_both_neighbours() -> None:
    with pytest.raises(
        DimensionError, match=r"duration=2\.5 ms is not a whole number of steps of 1 ms: give 2\*ms or 3\*ms"
    ):
        whole_steps(2.5 * ms, 1.0, "duration")
    with pytest.raises(DimensionError, match=r"give 0\.3\*ms or 0\.4\*ms"):
        whole_steps(350 * us, 0.1, "duration")


def test_a_time_that_was_rounded_is_told() -> None:
    with pytest.warns(RanvierWarning, match=r"is taken as 0\.3 ms, 3 whole steps of 0\.1 ms"):
        assert whole_steps(float(np.float32(0.3)) * ms, 0.1, "duration") == 3


@pytest.mark.parametrize(
    ("time", "match"),
    [
        (0.04 * ms, "shorter than one step of 0.1 ms"),
        (-1 * ms, "one finite time of 0 or more"),
        (float("nan") * ms, "one finite time of 0 or more"),
        ([1, 2] * ms, "one finite time of 0 or more"),
        (3, "give a time"),
        (1e300 * second, "more than 2\\^53 steps"),
    ],
)
def test_what_is_no_time_is_refused(time: object, match: str) -> None:
    with pytest.raises(DimensionError, match=match):
        whole_steps(time, 0.1, "duration")


def test_at_least_one_step_where_one_is_needed() -> None:
    assert whole_steps(0 * ms, 0.1, "duration") == 0
    with pytest.raises(DimensionError, match="every=0 ms is shorter than one step"):
        whole_steps(0 * ms, 0.1, "every", 1)


def test_equal_times() -> None:
    assert same_time(0.1, (100 * us).value)
    assert not same_time(0.1, 0.1000001)
    assert fraction_of(1 / 3) == Fraction(1, 3)
