"""The expectations are judged by the numbers, for better and for worse."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ranvier.recipes.parts.verdicts import verdicts


def _results(test: list[float], baseline: list[float], spikes: int) -> tuple[Any, Any]:
    close = {"exc": SimpleNamespace(spikes=[0] * spikes)}
    digits = SimpleNamespace(test=np.array(test), baseline=np.array(baseline))
    return digits, SimpleNamespace(close=close, rate=19.0)


@pytest.mark.parametrize(
    ("test", "baseline", "spikes", "hold"),
    [
        ([0.99, 0.98, 0.985], [0.96, 0.95, 0.955], 9, [True, True, True]),
        ([0.97, 0.98, 0.975], [0.96, 0.95, 0.955], 9, [False, True, True]),
        ([0.99, 0.98, 0.985], [0.96, 0.99, 0.99], 9, [True, False, True]),
        ([0.99, 0.98, 0.985], [0.96, 0.95, 0.955], 0, [True, True, False]),
        ([0.99], [0.96], 9, [True, True, True]),
    ],
)
def test_each_expectation(test: list[float], baseline: list[float], spikes: int, hold: list[bool]) -> None:
    found = verdicts(*_results(test, baseline, spikes))
    assert [verdict.holds for verdict in found] == hold


def test_the_difference_is_in_percentage_points() -> None:
    text = verdicts(*_results([0.99, 0.97], [0.96, 0.94], 1))[1].text
    assert text.startswith("3.00 ± 0.00 percentage points above")
