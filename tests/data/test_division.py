"""Fixed divisions: nobody on two sides, classes in equal shares, the same every time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.data import DataError
from ranvier.data.division import by_group, divide, held_out


@given(st.lists(st.integers(0, 9), min_size=8, max_size=200).filter(lambda g: len(set(g)) >= 3))
def test_no_group_is_in_two_sets(groups: list[int]) -> None:
    group = np.array(groups)
    masks = by_group(group, (0.2, 0.2), "any")
    assert np.array_equal(sum(mask.astype(int) for mask in masks), np.ones(len(group)))
    seen = [set(group[mask]) for mask in masks]
    assert all(seen)
    assert not seen[0] & seen[1] | seen[1] & seen[2] | seen[0] & seen[2]
    again = by_group(group, (0.2, 0.2), "any")
    assert all(np.array_equal(a, b) for a, b in zip(masks, again, strict=True))


@given(st.integers(2, 5), st.integers(10, 60))
def test_classes_keep_their_shares(classes: int, each: int) -> None:
    target = np.tile(np.arange(classes), each)
    first, second, rest = divide(target, (0.6, 0.2), "any")
    assert np.array_equal(first.astype(int) + second + rest, np.ones(len(target)))
    for label in range(classes):
        assert abs(first[target == label].sum() - 0.6 * each) <= 1
        assert abs(second[target == label].sum() - 0.2 * each) <= 1


def test_names_decide_and_one_group_is_refused() -> None:
    target = np.zeros(100, int)
    assert not np.array_equal(divide(target, (0.5,), "a")[0], divide(target, (0.5,), "b")[0])
    with pytest.raises(DataError, match="1 group"):
        held_out(np.zeros(5), 0.2, "any")
