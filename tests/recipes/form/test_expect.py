"""Expectations are judged unit by unit, against SciPy's paired test and by the sign of the interval."""

from __future__ import annotations

import math
from typing import Literal

import pytest
from scipy import stats

from ranvier.recipes.form import Expect, Trial
from ranvier.recipes.form.expect import FAILS, HOLDS, OPEN, overall

A, B = [0.9, 0.8, 0.95, 0.85], [0.7, 0.75, 0.8, 0.6]


def trials(a: list[float], b: list[float], failed: str = "") -> list[Trial]:
    ours = [Trial("a", seed, "", {"x": x}, 0.0) for seed, x in enumerate(a)]
    return ours + [Trial("b", seed, "", {} if failed else {"x": x}, 0.0, failed) for seed, x in enumerate(b)]


def test_a_difference_is_the_paired_test() -> None:
    found = Expect("a over b", ("a", "x"), ">", ("b", "x")).judge(trials(A, B))
    paired = stats.ttest_rel(A, B, alternative="greater")
    both = stats.ttest_rel(A, B).confidence_interval(0.95)
    assert found.p == pytest.approx(paired.pvalue)
    assert (found.low, found.high) == pytest.approx((both.low, both.high))
    assert (found.left, found.right, found.units) == (pytest.approx(0.875), pytest.approx(0.7125), 4)


@pytest.mark.parametrize(
    ("sign", "right", "times", "plus", "state"),
    [
        (">", ("b", "x"), 1, 0, HOLDS),
        ("<", ("b", "x"), 1, 0, FAILS),
        (">", ("b", "x"), 1, 0.16, OPEN),
        (">", ("b", "x"), 2, 0, FAILS),
        (">", 0.5, 1, 0, HOLDS),
        ("<", 0.88, 1, 0, OPEN),
    ],
)
def test_the_interval_decides(
    sign: Literal[">", "<"], right: tuple[str, str] | float, times: float, plus: float, state: str
) -> None:
    found = Expect("w", ("a", "x"), sign, right, times, plus).judge(trials(A, B))
    assert found.state == state
    assert found.low < found.left - found.right < found.high
    assert bool(found.why) == (state == OPEN)


def test_units_that_learn_from_one_another_have_a_wider_interval() -> None:
    """Nadeau & Bengio: t = mean/(s·√(1/n + overlap)), against the same formula written out."""
    difference = [a - b for a, b in zip(A, B, strict=True)]
    mean = sum(difference) / 4
    variance = sum((d - mean) ** 2 for d in difference) / 3
    error = math.sqrt(variance * (1 / 4 + 1 / 3))
    found = Expect("a over b", ("a", "x"), ">", ("b", "x")).judge(trials(A, B), overlap=1 / 3)
    assert found.p == pytest.approx(stats.t.sf(mean / error, 3))
    assert (found.low, found.high) == pytest.approx((mean - 3.182446305 * error, mean + 3.182446305 * error))


def test_one_unit_a_failed_baseline_and_a_nan_decide_nothing() -> None:
    expected = Expect("w", ("a", "x"), ">", ("b", "x"))
    assert expected.judge(trials(A[:1], B[:1])).why == "one unit has no spread"
    assert expected.judge(trials(A, B, "ValueError: no")).why == "b failed: ValueError: no"
    assert expected.judge(trials([math.nan, *A[1:]], B)).state == OPEN
    assert expected.judge([]).units == 0


def test_equal_units_are_judged_by_their_value() -> None:
    expected = Expect("w", ("a", "x"), ">", ("b", "x"))
    assert expected.judge(trials([0.5, 0.75], [0.25, 0.5])).state == HOLDS
    assert expected.judge(trials([0.5, 0.5], [0.5, 0.5])).state == FAILS


def test_seeds_are_averaged_within_groups() -> None:
    many = [Trial(arm, s, g, {"x": x + s}, 0.0) for s in range(5) for g, a, b in (("u", 1, 0), ("v", 3, 1)) for arm, x in (("a", a), ("b", b))]  # fmt: skip
    found = Expect("w", ("a", "x"), ">", ("b", "x")).judge(many, "group")
    assert (found.units, found.left - found.right) == (2, 1.5)
    assert Expect("w", ("a", "x"), ">", ("b", "x")).judge(many, "seed").units == 5


def test_one_that_fails_decides_and_one_that_is_open_leaves_open() -> None:
    judged = {s: [j for j in (Expect("w", ("a", "x"), ">", t).judge(trials(A, B)) for t in (0.5, 0.88, 1.0)) if j.state == s] for s in (HOLDS, OPEN, FAILS)}  # fmt: skip
    (holds,), (fails,) = judged[HOLDS], judged[FAILS]
    opened = judged[OPEN][0]
    assert overall([holds, holds]) == HOLDS
    assert overall([holds, opened]) == OPEN
    assert overall([holds, opened, fails]) == FAILS


def test_a_unit_that_one_side_lacks_decides_nothing() -> None:
    found = Expect("a over b", ("a", "x"), ">", ("b", "x")).judge(trials(A, B[:3]))
    assert (found.state, found.units) == (OPEN, 3)
    assert found.why == "seed 3 was measured on one side alone"
