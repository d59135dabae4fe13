"""A reader's samples are tested and nothing else; copies and other shapes are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ranvier.errors import RanvierError
from ranvier.recipes.parts.gathered import Gathered, rotated, whole

OWN = Gathered(list(torch.arange(24.0).reshape(12, 2)), np.arange(12) % 2, np.arange(12), np.ones(12, bool))
PLACE = np.arange(12) % 3


def test_folds_rotate() -> None:
    parts = rotated(PLACE, OWN.own, 3)
    assert sorted(np.concatenate([p.test for p in parts.values()])) == list(range(12))
    assert all(set(PLACE[p.train]) | {k, (k + 1) % 3} == {0, 1, 2} for k, p in enumerate(parts.values()))
    assert whole(OWN, parts) is parts


def test_further_samples_are_tested_and_never_learnt_from() -> None:
    items = list(torch.full((4, 2), -1.0) - torch.arange(4.0)[:, None])
    both = OWN.tested_on(items, np.zeros(4, int), np.arange(4), "touch", Path("mine"))
    parts = rotated(np.concatenate([PLACE, [0, 1, 0, 1]]), both.own, 3)
    assert {name: p.test.tolist() for name, p in parts.items()} == {"1": [12, 14], "2": [13, 15]}
    for p in parts.values():
        assert set(PLACE[p.valid]) == {0}
        assert set(PLACE[p.train]) == {1, 2}
    assert both.y.dtype == torch.int64


def test_what_leaks_or_does_not_fit_is_refused() -> None:
    def given(*items: torch.Tensor) -> Gathered:
        return OWN.tested_on(items, np.zeros(len(items), int), np.zeros(len(items), int), "touch", Path("mine"))

    with pytest.raises(RanvierError, match="'mine' holds no touch"):
        given()
    with pytest.raises(RanvierError, match=r"touch number 1 in 'mine' has shape \[3\]; give \[2\]"):
        given(torch.zeros(2), torch.zeros(3))
    with pytest.raises(RanvierError, match=r"the split leaks: 1 of 2 samples in 'mine' .* such as touch number 1\."):
        given(torch.zeros(2), torch.tensor([4.0, 5.0]))
    twice = Gathered([*OWN.items[:11], OWN.items[0]], OWN.target, OWN.group, OWN.own)
    with pytest.raises(RanvierError, match=r"sets share 1 recording"):
        whole(twice, rotated(PLACE, OWN.own, 3))
