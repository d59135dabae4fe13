"""Distributions: quantiles, moments, repeatable draws, units, and bounds that contradict each other."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ranvier.errors import RanvierError
from ranvier.units import ms, mV
from ranvier.values import Distribution, ExponentialDistribution, LogNormal, Normal, Uniform

U = np.array([1e-12, 0.01, 0.3, 0.5, 0.9, 0.999999])
CASES = [
    (Uniform(-60 * mV, -50 * mV), stats.uniform(-60, 10), mV),
    (Normal(4.0, 1.5), stats.norm(4, 1.5), mV / mV),
    (Normal(20 * ms, 12 * ms, low=0 * ms), stats.truncnorm(-20 / 12, np.inf, 20, 12), ms),
    (Normal(0.0, 1.0, low=-1.0, high=2.0), stats.truncnorm(-1, 2), mV / mV),
    (LogNormal(5 * ms, 0.4), stats.lognorm(0.4, scale=5), ms),
    (ExponentialDistribution(3 * ms), stats.expon(scale=3), ms),
]


@pytest.mark.parametrize(("mine", "scipy", "unit"), CASES, ids=lambda c: repr(c) if isinstance(c, Distribution) else "")
def test_quantiles_and_draws(mine: Distribution, scipy, unit):
    assert mine.dimension == unit.dimension
    assert mine.quantile(U) == pytest.approx(scipy.ppf(U), rel=1e-6, abs=1e-9)
    draws = mine.draw(20_000, seed=3, name="x")
    assert stats.kstest(draws, scipy.cdf).pvalue > 1e-3


def test_draws_follow_seed_and_name_alone():
    first = Normal(0.0, 1.0)
    assert first.draw(50, 1, "a").tolist() == Normal(0.0, 1.0).draw(80, 1, "a")[:50].tolist()
    assert first.draw(50, 1, "a").tolist() != first.draw(50, 2, "a").tolist()
    assert first.draw(50, 1, "a").tolist() != first.draw(50, 1, "b").tolist()
    assert first.draw(50, 1, "a").tolist() != first.draw(50, 1, "a", stream=1).tolist()


def test_a_spread_of_zero_is_a_constant():
    assert Normal(3.0, 0.0).draw(4, 0, "x").tolist() == [3.0] * 4
    assert Normal(3.0, 0.0, high=2.0).draw(2, 0, "x").tolist() == [2.0, 2.0]
    assert Uniform(2.0, 2.0).draw(2, 0, "x").tolist() == [2.0, 2.0]


def test_bounds_hold_far_out():
    draws = Normal(0.0, 1.0, low=3.0).draw(5000, 0, "x")
    assert draws.min() >= 3.0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Uniform(3, 2), ("low=3", "high=2", "swap")),
        (lambda: Uniform(0 * mV, 1 * ms), ("high", "ms", "mV", "one unit")),
        (lambda: Uniform(float("nan"), 1), ("low=nan", "finite")),
        (lambda: Uniform(0, float("inf")), ("high=inf", "finite")),
        (lambda: Uniform([1, 2], 3), ("low=[1, 2]", "single")),
        (lambda: Uniform("a", 3), ("low='a'", "single finite number")),
        (lambda: Normal(0, -1), ("std=-1", "negative")),
        (lambda: Normal(0, 1 * mV), ("std", "one unit")),
        (lambda: Normal(0, 1, low=2, high=1), ("low=2", "high=1", "swap")),
        (lambda: Normal(0, 1, low=30, high=40), ("hardly any value", "widen")),
        (lambda: Normal(0, 1, low=float("nan")), ("low=nan", "finite")),
        (lambda: LogNormal(0 * ms, 1), ("median", "positive")),
        (lambda: LogNormal(1 * ms, -1), ("sigma=-1", "0 or more")),
        (lambda: LogNormal(1 * ms, float("nan")), ("sigma=nan", "finite")),
        (lambda: ExponentialDistribution(-2 * ms), ("mean=-2 ms", "above 0")),
    ],
)
def test_contradictions_are_refused(make, words: tuple[str, ...]):
    with pytest.raises(RanvierError) as caught:
        make()
    assert not [w for w in words if w not in str(caught.value)], str(caught.value)
