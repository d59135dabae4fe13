"""Counted counts follow their laws, and depend on cell, sample, step and stream alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ranvier.values import CountLaw, counts


def chances(law: CountLaw, cell: int = 0) -> np.ndarray:
    """The share of words that give 0, 1, 2, … spikes."""
    limits = law.thresholds[0, :, cell].astype(np.int64)
    return np.diff([-(1 << 30), *limits, 1 << 30]) / 2.0**31


@pytest.mark.parametrize("mean", [0.0, 1e-9, 1e-3, 0.4, 1.7, 9.0, 300.0, 1000.0])
def test_the_table_is_the_law(mean: float) -> None:
    found = chances(CountLaw.poisson(np.array([[mean]])))
    np.testing.assert_allclose(found, stats.poisson.pmf(np.arange(len(found)), mean), rtol=0, atol=2.1 * 2.0**-32)
    assert found.sum() == 1


@pytest.mark.parametrize("chance", [0.0, 1e-18, 1e-9, 0.1, 1 - 1e-9, 1.0])
def test_one_train_fires_at_most_once(chance: float) -> None:
    silent, fires = chances(CountLaw.single(np.array([[chance]])))
    assert silent + fires == 1
    assert fires == pytest.approx(chance, rel=0, abs=2.0**-32)
    assert chance not in (0, 1e-18, 1) or fires == round(chance)


def test_counts_follow_the_law() -> None:
    found = counts(CountLaw.poisson(np.array([[1.7]])), (3, 4, 0), 0, 200, 500)[:, 0]
    seen = np.bincount(found.reshape(-1), minlength=10)[:10]
    expected = stats.poisson.pmf(np.arange(10), 1.7) * found.size
    assert stats.chisquare(seen, expected * seen.sum() / expected.sum()).pvalue > 1e-3
    for a, b in ((found[:-1], found[1:]), (found[:, :-1], found[:, 1:]), (found[:, :-8], found[:, 8:])):
        assert abs(np.corrcoef(a.reshape(-1), b.reshape(-1))[0, 1]) < 0.013


def test_every_cell_and_step_may_have_a_law_of_its_own() -> None:
    means = np.array([0.0, 1e-3, 0.4, 7.0, 400.0])
    found = counts(CountLaw.poisson(np.tile(means, 400)[None]), (3, 4, 0), 10, 10, 2000)[:, 0]
    for mean, own in zip(means, found.reshape(-1, 5).T, strict=True):
        assert own.mean() == pytest.approx(mean, abs=5 * np.sqrt((mean + 1e-12) / own.size))
        assert own.var() == pytest.approx(mean, abs=0.1 * mean + 2e-3)
    in_time = counts(CountLaw.poisson(means[:, None]), (3, 4, 0), 0, 5, 5000)[:, 0]
    np.testing.assert_allclose(in_time.mean(1), means, rtol=0, atol=0.9)


@settings(max_examples=20)
@given(first=st.integers(0, 2**33), steps=st.integers(0, 5), cells=st.integers(1, 70))
def test_counts_depend_on_cell_and_step_alone(first: int, steps: int, cells: int) -> None:
    law = CountLaw.poisson(np.array([[2.5]]))
    whole = counts(law, (1, 2, 5), first, steps, 70, 3)
    assert np.array_equal(whole[:, :2, :cells], counts(law, (1, 2, 5), first, steps, cells, 2))
    for n in range(steps):
        assert np.array_equal(whole[n], counts(law, (1, 2, 5), first + n, 1, 70, 3)[0])


def test_equal_means_give_equal_counts_however_they_are_given() -> None:
    forms = [np.array([[1.3]]), np.full((1, 40), 1.3), np.full((30, 1), 1.3), np.full((30, 40), 1.3)]
    one, *others = (counts(CountLaw.poisson(means), (3, 4, 1), 7, 30, 40, 2) for means in forms)
    for other in others:
        np.testing.assert_array_equal(one, other)
