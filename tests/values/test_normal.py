"""Counted normal numbers follow their distribution, and depend on cell, sample, step and stream alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ranvier.kernels.drawing import step_normals
from ranvier.values import normal_numbers


@settings(max_examples=20)
@given(first=st.integers(0, 2**33), steps=st.integers(0, 4), cells=st.integers(1, 70))
def test_numbers_depend_on_cell_sample_and_step_alone(first: int, steps: int, cells: int) -> None:
    whole = normal_numbers((1, 2, 5), first, steps, 70, 3)
    assert whole.dtype == np.float32
    assert np.array_equal(whole[:, :2, :cells], normal_numbers((1, 2, 5), first, steps, cells, 2))
    for n in range(steps):
        assert np.array_equal(whole[n], normal_numbers((1, 2, 5), first + n, 1, 70, 3)[0])


def quality(numbers: np.ndarray) -> None:
    """Moments, tails and the whole distribution of [steps, cells], and pairs of neighbours: four standard errors at most."""
    x = numbers.astype(np.float64)
    size = x.size
    moments = np.array([(x**k).mean() for k in range(1, 7)])
    expected, spread = np.array([0, 1, 0, 3, 0, 15]), np.sqrt(np.array([1, 2, 15, 96, 945, 10170]))
    assert np.abs((moments - expected) * np.sqrt(size) / spread).max() < 4
    for border in (1, 2, 3, 4, 4.75):
        share = stats.norm.sf(border)
        for tail in ((x > border).sum(), (x < -border).sum()):
            assert stats.binomtest(int(tail), size, share).pvalue > 1e-4
    assert stats.kstest(x.ravel(), "norm").pvalue > 1e-3
    # the numbers of a pair stand 16 cells apart and share a radius: their squares must not be correlated either
    pairs = [(x[:, :-k], x[:, k:]) for k in (1, 8, 16, 24, 32)] + [(x[:-1], x[1:])]
    for a, b in pairs:
        for power in (1, 2):
            assert abs(np.corrcoef(a.ravel() ** power, b.ravel() ** power)[0, 1]) < 4 / np.sqrt(a.size)


def test_numbers_are_normal() -> None:
    quality(step_normals((11, 7, 3), 2**20, 1000, 500)[:, 0])


@pytest.mark.slow
def test_ten_million_numbers_are_normal() -> None:
    quality(step_normals((5, 9, 1), 0, 2500, 4000)[:, 0])


def test_streams_and_keys_are_independent() -> None:
    keys = [(1, 2, 0), (1, 2, 1), (1, 3, 0), (2, 2, 0)]
    x = np.stack([normal_numbers(key, 0, 50, 400, 2).swapaxes(0, 1).reshape(2, -1) for key in keys]).reshape(8, -1)
    assert np.abs(np.corrcoef(x)[np.triu_indices(8, 1)]).max() < 4 / np.sqrt(x.shape[1])
