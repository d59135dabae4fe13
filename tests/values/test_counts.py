"""Counted counts follow their laws, and depend on cell, sample, step and stream alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ranvier.values import CountLaw, counts, philox
from ranvier.values.step_words import by_cell, step_halves, step_words, words_at


def numbers_of(law: CountLaw, cell: int = 0) -> np.ndarray:
    """The thresholds as whole numbers of 47 bits."""
    coarse, fine = (table[0, :, cell].astype(np.int64) for table in (law.coarse, law.fine))
    return (coarse + (1 << 15)) * (1 << 31) + fine + (1 << 30)


def chances(law: CountLaw, cell: int = 0) -> np.ndarray:
    """The share of numbers that give 0, 1, 2, … spikes."""
    return np.diff([0, *numbers_of(law, cell), 1 << 47]) / 2.0**47


@pytest.mark.parametrize("mean", [0.0, 1e-9, 1e-3, 0.4, 1.7, 9.0, 300.0, 1000.0])
def test_the_table_is_the_law(mean: float) -> None:
    found = chances(CountLaw.poisson(np.array([[mean]])))
    np.testing.assert_allclose(found, stats.poisson.pmf(np.arange(len(found)), mean), rtol=1e-11, atol=2.0**-40)
    assert found.sum() == 1
    assert stats.poisson.sf(len(found) - 1, mean) < 2.0**-40


@pytest.mark.parametrize("chance", [0.0, 1e-18, 1e-9, 0.1, 1 - 1e-9, 1.0])
def test_one_train_fires_at_most_once(chance: float) -> None:
    silent, fires = chances(CountLaw.single(np.array([[chance]])))
    assert silent + fires == 1
    assert fires == pytest.approx(chance, rel=0, abs=2.0**-48)
    assert chance not in (0, 1e-18, 1) or fires == round(chance)


def test_never_and_always_are_exact() -> None:
    law = CountLaw.single(np.array([[0.0, 1.0] * 35_000]))
    found = counts(law, (3, 4, 0), 0, 5, 70_000)
    assert np.array_equal(found.reshape(-1, 2).sum(0), [0, 5 * 35_000])


def crowded(halves: tuple[int, ...], each: int) -> CountLaw:
    """A law with ``each`` thresholds, some of them equal, within each of the ``halves``."""
    inside = np.sort(np.random.default_rng(5).integers(0, 1 << 20, each) << 11)
    numbers = np.concatenate([(h << 31) + inside for h in sorted(halves)])
    return CountLaw.of(((numbers + 0.25) / 2.0**47)[None, :, None])


@pytest.mark.parametrize(
    "law",
    [
        CountLaw.poisson(np.array([[300.0]])),
        CountLaw.single(np.array([[1.5 / 65536]])),
        CountLaw.single(np.array([[1 - 1.5 / 65536]])),
        crowded((0, 1, 40_000, 65_534, 65_535), 40),
        crowded(tuple(range(0, 65_536, 97)), 3),
    ],
)
def test_half_and_word_are_one_number_of_47_bits(law: CountLaw) -> None:
    """Also where the half leaves the count open: the word counts exactly there."""
    key, cells, batch = (3, 4, 9), 30_011, 2
    words = next(step_words(key, 7, 1, cells, batch))
    word = (by_cell(words, cells).view(np.int32) >> 1).astype(np.int64) + (1 << 30)
    half = step_halves(key, 7, cells, batch).astype(np.int64) + (1 << 15)
    expected = np.searchsorted(numbers_of(law), (half << 31) + word, side="right")
    np.testing.assert_array_equal(counts(law, key, 7, 1, cells, batch)[0], expected)


def test_halves_and_words_are_numbers_of_their_own() -> None:
    key, cells = (3, 4, 9), 70_000
    half = step_halves(key, 7, cells, 2)
    word = by_cell(next(step_words(key, 7, 1, cells, 2)), cells)
    one = philox(np.array([(1 << 31) + 5, 1, 7, 9], np.uint32), key[:2])
    assert half[1, 40:48].view(np.uint16).tolist() == [n for w in one.tolist() for n in (w & 0xFFFF, w >> 16)]
    for a, b in ((half[:, 1:], half[:, :-1]), (half[0], half[1]), (half, word), (half[:, 8:], half[:, :-8])):
        assert abs(np.corrcoef(a.reshape(-1), b.reshape(-1))[0, 1]) < 5 / np.sqrt(a.size)
    assert stats.kstest((half.reshape(-1) + 32768.5) / 65536, "uniform").pvalue > 1e-3
    sample, cell = np.array([0, 1, 1]), np.array([69_999, 0, 45])
    assert np.array_equal(words_at(key, 7, sample, cell), word[sample, cell])


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
