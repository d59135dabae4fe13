"""The competition of Song, Miller & Abbott."""

from __future__ import annotations

import numpy as np
import pytest

from ranvier.recipes import song2000
from ranvier.units import Hz


@pytest.mark.slow
def test_weights_end_weak_or_strong() -> None:
    result = song2000.compete()
    assert result.bimodal
    assert result.rate[-60:].mean() < 0.2 * result.rate[0]


def test_competition_begins_with_equal_weights_and_lowers_the_rate() -> None:
    first, again = (song2000.compete(10, rate=20 * Hz, A_plus=0.05, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.weights, again.weights)
    assert not first.bimodal
    assert first.weights.min() >= 0
    assert first.weights.max() <= 1 + 1e-6
    assert first.weights.std() > 0.1
    assert first.rate[-3:].mean() < 0.75 * first.rate[0]
    assert len(first.rate) == 10
