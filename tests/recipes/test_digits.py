"""Latency code, and one seed on a small budget."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ranvier.errors import FileFormatError, RanvierError
from ranvier.recipes.parts.digits import DigitsResult, SeedResult, Setup, latencies, load, read, run_seed

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
    assert 0.93 < result.machine.test <= 1
    assert 0.93 < result.neighbours.test <= 1
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
    assert both.machine.tolist() == [result.machine.test] * 2
    assert both.neighbours.tolist() == [result.neighbours.test] * 2


def test_further_images_are_tested_and_copies_refused(tmp_path: Path) -> None:
    own = load()
    moved = np.roll(own.pixels[:40].reshape(-1, 8, 8), 1, 2).reshape(-1, 64)

    def written(pixels: np.ndarray, after: str = "") -> Path:
        lines = [",".join(str(int(p)) for p in [*row, target]) for row, target in zip(pixels, own.target, strict=False)]
        (tmp_path / "digits.csv").write_text("\n".join(lines) + after)
        return tmp_path / "digits.csv"

    further = read(written(moved), own)
    assert np.array_equal(further.pixels, moved)
    assert np.array_equal(further.target, own.target[:40])
    result = run_seed(own, replace(SMALL, epochs=1), 0, further=further)
    assert np.array_equal(result.target, own.target[:40])
    with pytest.raises(RanvierError, match=r"the split leaks: 1 of 41 samples .* such as image number 40"):
        read(written(np.concatenate([moved, own.pixels[:1]])), own)
    with pytest.raises(FileFormatError, match="line 41: '1,2,3' … is not 64 whole numbers"):
        read(written(moved, "\n1,2,3"), own)
    with pytest.raises(FileFormatError, match="line 1"):
        read(written(moved + 9), own)
    with pytest.raises(RanvierError, match="there is no"):
        read(tmp_path / "none.csv", own)
