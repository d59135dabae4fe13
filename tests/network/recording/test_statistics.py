"""Online statistics equal their definitions on the recorded spikes."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ranvier as rv
from ranvier.network.recording._statistics import Gatherer, Statistics
from ranvier.units import ms


def trains_of(seed: int, cells: int = 12, steps: int = 600) -> np.ndarray:
    rng = np.random.default_rng(seed)
    common = rng.random((steps, 1)) < 0.05
    return (rng.random((steps, cells)) < 0.08) | (common & (rng.random((steps, cells)) < 0.5))


def gathered(dense: np.ndarray, cuts: list[int], **how: object) -> Statistics:
    gatherer = Gatherer(rv.SpikeStatistics(**how), dense.shape[1], 1.0, 0)
    for low, high in itertools.pairwise([0, *sorted(cuts), len(dense)]):
        step, cell = np.nonzero(dense[low:high])
        gatherer.take(step + low, cell, low, high - low)
    return Statistics(gatherer)


@settings(max_examples=20)
@given(seed=st.integers(0, 99), cuts=st.lists(st.integers(0, 600), max_size=6), after=st.sampled_from([0, 37]))
def test_definitions(seed: int, cuts: list[int], after: int) -> None:
    dense = trains_of(seed)
    found = gathered(dense, cuts, after=after * ms, window=50 * ms, bin=7 * ms, cells=12, lags=4)
    kept = dense[after:].astype(float)
    np.testing.assert_allclose(found.rates, kept.mean(0) * 1000)
    intervals = [np.diff(np.flatnonzero(kept[:, k])) for k in range(12)]
    np.testing.assert_allclose(found.cvs, [i.std() / i.mean() if len(i) > 1 else np.nan for i in intervals])
    counts = kept[: len(kept) // 50 * 50].reshape(-1, 50, 12).sum(1)
    np.testing.assert_allclose(found.fano_factors, counts.var(0, ddof=1) / counts.mean(0))
    bins = kept[: len(kept) // 7 * 7].reshape(-1, 7, 12).sum(1)
    matrix = np.corrcoef(bins.T)
    np.testing.assert_allclose(found.correlations, matrix[np.triu_indices(12, 1)], atol=1e-12)
    activity = bins.sum(1)
    for k in range(1, 5):
        slope = np.polyfit(activity[:-k], activity[k:], 1)[0]
        assert found.autocorrelation[k - 1] == pytest.approx(slope, abs=1e-9)
    one = gathered(dense, [], after=after * ms, window=50 * ms, bin=7 * ms, cells=12, lags=4)
    np.testing.assert_array_equal(one.cvs, found.cvs)
    assert one.branching_ratio == found.branching_ratio or np.isnan(one.branching_ratio)


@pytest.mark.parametrize("ratio", [0.6, 0.95])
@pytest.mark.parametrize("seen", [1.0, 0.2])
def test_the_branching_ratio_of_a_branching_process(ratio: float, seen: float) -> None:
    """Also where one cell in five is seen, which misleads the plain regression."""
    rng, steps = np.random.default_rng(3), 40_000
    activity, total = np.zeros(steps, np.int64), 50.0
    for n in range(steps):
        total = activity[n] = rng.poisson(ratio * total + 50 * (1 - ratio))
    shown = rng.binomial(activity, seen)
    gatherer = Gatherer(rv.SpikeStatistics(bin=1 * ms, lags=30), int(shown.max()), 1.0, 0)
    step = np.repeat(np.arange(steps), shown)
    gatherer.take(step, np.arange(len(step)) - np.repeat(np.cumsum(shown) - shown, shown), 0, steps)
    found = Statistics(gatherer)
    assert found.branching_ratio == pytest.approx(ratio, abs=0.03)
    if seen < 1:
        assert found.autocorrelation[0] < ratio - 0.05


def test_poisson_spikes_have_known_values() -> None:
    rng = np.random.default_rng(0)
    found = gathered(rng.random((60_000, 40)) < 0.02, [5000, 17001], window=500 * ms)
    assert found.rate == pytest.approx(20, rel=0.02)
    assert found.cv == pytest.approx(np.sqrt(0.98), abs=0.02)
    assert found.fano == pytest.approx(0.98, abs=0.05)
    assert found.correlation == pytest.approx(0, abs=0.01)


def test_in_a_run_without_keeping_spikes(full: Callable) -> None:
    asked = rv.SpikeStatistics(after=50 * ms, window=50 * ms)
    run = full(plastic=False).run(500 * ms, stream=0, record={"exc": [asked]})
    with pytest.raises(AttributeError, match="spikes were not recorded"):
        run["exc"].spikes
    spikes = full(plastic=False).run(500 * ms, stream=0, record={"exc": ["spikes"]})["exc"].spikes
    late = spikes.step >= 100
    np.testing.assert_array_equal(run["exc"].statistics.rates, np.bincount(spikes.cell[late], minlength=33) / 0.45)
    assert "rate=" in repr(run["exc"].statistics)
    assert run["exc"].statistics.duration == 450
    with pytest.raises(AttributeError, match="statistics were not gathered"):
        full().run(1 * ms, stream=0, record={"exc": ["spikes"]})["exc"].statistics


def test_silence_has_no_values_but_a_rate() -> None:
    found = gathered(np.zeros((500, 4), bool), [])
    assert found.rate == 0
    assert np.isnan([found.cv, found.fano, found.correlation, found.branching_ratio]).all()
