"""Whole numbers."""

from __future__ import annotations

import numpy as np
import pytest

from ranvier.values import is_whole


@pytest.mark.parametrize(
    ("value", "least", "expected"),
    [
        (1, 1, True), (0, 1, False), (0, 0, True), (7, 8, False), (-1, 0, False), (True, 1, False), (False, 0, False), (2.0, 1, False),
        (np.int64(2), 1, False), ("2", 1, False), (None, 0, False),
    ],
)  # fmt: skip
def test_a_whole_number_of_at_least_the_least(value: object, least: int, expected: bool) -> None:
    assert is_whole(value, least) is expected
