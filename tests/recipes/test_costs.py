"""Time and memory over sizes."""

from __future__ import annotations

import pytest

from ranvier.errors import RanvierError
from ranvier.recipes.parts import costs


def test_a_power_law_has_its_exponent() -> None:
    assert costs.exponent([1, 4, 16], [3, 24, 192]) == pytest.approx(1.5)
    assert costs.exponent([1, 4, 16], [3, 3, 3]) == pytest.approx(0)


def test_one_quantity_grows_at_a_time() -> None:
    first, *grown = costs.sizes(100, 10).values()
    assert first == (100, 30, 10)
    assert all(sum(a != b for a, b in zip(first, size, strict=True)) == 1 for size in grown)


def test_a_process_that_fails_is_named() -> None:
    with pytest.raises(RanvierError, match=r"measures ranvier.recipes.parts.costs ended with 1"):
        costs.measured(-1, 1, 1)
