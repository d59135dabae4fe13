"""The circuit is as described, lives, and its close-up goes on where the timed run ended."""

from __future__ import annotations

import numpy as np
import pytest

from ranvier.recipes.parts.coba import CircuitResult, circuit, simulate


@pytest.fixture(scope="module")
def result() -> CircuitResult:
    return simulate(0.3, close_ms=50)


def test_rate_and_irregularity(result: CircuitResult) -> None:
    assert result.cells == 4000
    assert abs(result.synapses / 4000 - 80) < 1
    assert 12 < result.rate < 26
    assert result.cv > 0.8


def test_the_close_up_continues(result: CircuitResult) -> None:
    assert result.close["exc"].spikes.first == result.run["exc"].spikes.steps == 3000
    assert result.close["exc"].v.shape == (500, 3200)
    assert np.isfinite(result.close["exc"].v).all()
    assert result.close["exc"].v.max() <= -50


def test_one_compiled_loop_runs_it() -> None:
    assert [c.provider for c in circuit(400).plan().choices if c.task == "circuit"] == ["cpu"]
