"""Latency code, and one seed on a small budget."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ranvier.recipes.parts.digits import DigitsResult, SeedResult, Setup, latencies, load, run_seed

SMALL = Setup(hidden=64, epochs=6, variants=2)


@given(hnp.arrays(np.float64, (3, 5), elements=st.integers(0, 16)), st.integers(2, 30))
def test_ink_fires_once_the_darker_the_earlier(pixels: np.ndarray, steps: int) -> None:
    code = latencies(pixels, steps).numpy()
    assert code.shape == (3, steps, 5)
    assert np.array_equal(code.sum(axis=1), pixels > 0)
    first = np.where(pixels > 0, code.argmax(axis=1), steps)
    for row in range(3):
        order = np.argsort(-pixels[row], kind="stable")
        assert (np.diff(first[row][order]) >= 0).all()
    assert (first[pixels == 16] == 0).all()


@pytest.fixture(scope="module")
def result() -> SeedResult:
    return run_seed(load(), SMALL, 0)


def test_a_small_network_learns(result: SeedResult) -> None:
    assert result.valid > 0.85
    assert result.test > 0.8
    assert result.baseline.test > 0.9
    assert 0.93 < result.machine <= 1
    assert 0.93 < result.neighbours <= 1
    assert len(result.fit.history) == SMALL.epochs


def test_the_best_epoch_is_what_is_tested(result: SeedResult) -> None:
    assert result.valid == max(epoch.valid.accuracy for epoch in result.fit.history if epoch.valid)
    assert result.test == np.mean(result.target == result.predicted)
    assert len(result.target) == 360


def test_what_is_kept_for_the_page(result: SeedResult) -> None:
    assert result.rates["input"].shape == (64,)
    assert result.rates["hidden"].shape == (64,)
    assert result.weight.shape == (64, 64)
    assert result.example.hidden.shape == (SMALL.steps, 64)
    assert result.example.readout.shape == (SMALL.steps, 10)
    assert {choice.part for choice in result.plan.choices} >= {"lif1", "readout1", "linear1", "linear2"}


def test_the_same_seed_gives_the_same_result(result: SeedResult) -> None:
    again = run_seed(load(), SMALL, 0)
    assert np.array_equal(again.predicted, result.predicted)
    assert np.array_equal(again.weight, result.weight)


def test_results_of_several_seeds(result: SeedResult) -> None:
    both = DigitsResult(SMALL, load(), (result, replace(result, test=0.5)))
    assert both.chance == 0.1
    assert both.test.tolist() == [result.test, 0.5]
    assert both.baseline.tolist() == [result.baseline.test] * 2
    assert both.machine.tolist() == [result.machine] * 2
    assert both.neighbours.tolist() == [result.neighbours] * 2
