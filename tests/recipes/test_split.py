"""The three sets share nothing, leave nothing out and hold every class alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.errors import RanvierError
from ranvier.recipes.parts.digits import load
from ranvier.recipes.parts.split import Split, split

TARGET = load().target


@given(st.integers(0, 2**32 - 1))
def test_sets_are_disjoint_complete_and_stratified(seed: int) -> None:
    parts = split(TARGET, seed)
    together = np.concatenate([parts.train, parts.valid, parts.test])
    assert sorted(together) == list(range(len(TARGET)))
    assert [len(parts.train), len(parts.valid), len(parts.test)] == [1078, 359, 360]
    whole = np.bincount(TARGET) / len(TARGET)
    for part in (parts.train, parts.valid, parts.test):
        assert np.allclose(np.bincount(TARGET[part]) / len(part), whole, atol=0.01)


def test_the_seed_decides() -> None:
    assert np.array_equal(split(TARGET, 3).test, split(TARGET, 3).test)
    assert not np.array_equal(split(TARGET, 3).test, split(TARGET, 4).test)


def test_a_split_that_leaks_is_refused() -> None:
    with pytest.raises(RanvierError, match=r"the train and test sets share 1 sample\(s\), such as 2"):
        Split(np.array([0, 2]), np.array([1]), np.array([2, 3]))
    parts = Split(np.array([0, 2]), np.array([1]), np.array([3]))
    assert parts.apart(np.array(["anna", "ben", "anna", "carl"]), "speaker") is parts
    with pytest.raises(RanvierError, match=r"validation and test sets share 1 speaker\(s\), such as ben"):
        parts.apart(np.array(["anna", "ben", "anna", "ben"]), "speaker")
    with pytest.raises(RanvierError, match="the validation set is empty"):
        Split(np.array([0, 2]), np.array([], int), np.array([3]))
