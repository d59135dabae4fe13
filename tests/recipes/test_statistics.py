"""Means and spreads as they are written."""

from __future__ import annotations

import math

from ranvier.recipes.parts.statistics import bare, percent, spread, summary


def test_spread_is_the_standard_deviation_over_seeds() -> None:
    assert math.isclose(spread([0.97, 0.98, 0.99]), 0.01)
    assert math.isnan(spread([0.97]))


def test_writing() -> None:
    assert percent(0.98123) == "98.12 %"
    assert summary([0.97, 0.98, 0.99]) == "98.00 ± 1.00 %"
    assert summary([0.97]) == "97.00 %"
    assert bare(0.97) == "97.00"
    assert bare([-0.01, -0.02, -0.03]) == "-2.00 ± 1.00"
