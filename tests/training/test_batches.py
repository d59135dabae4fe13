"""Batches looked up ahead are those looked up one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from ranvier.training.batches import open_batches


def _x(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("size", [1, 3, 8, 64])
@pytest.mark.parametrize(
    "parts",
    [
        lambda: (_x(53, 4, 6), torch.arange(53)),
        lambda: (_x(53, 4, 2, 3, 3), _x(53, 4, 2)),
        lambda: (_x(4, 53, 6).transpose(0, 1), None),
        lambda: (_x(53, 4), torch.arange(53)),
        lambda: ({"a": _x(53, 4, 6), "b": _x(53, 4, 900)}, {"one": torch.arange(53), "other": _x(53, 2)}),
        lambda: (_x(53, 4, 2000), torch.arange(53)),
        lambda: (_x(53, 4, 6), torch.arange(53), torch.arange(53) % 4 + 1),
    ],
    ids=["plain", "images", "time first", "one number a step", "by name", "large", "lengths"],
)
def test_ahead_is_one_by_one(size: int, parts: Callable[[], Any]) -> None:
    source: Any = open_batches(parts(), size, 3, "train_set")
    found, expected = list(source.epoch(2)), [source.collate(index) for index in source._order(2).split(size)]
    assert len(found) == len(expected) == source.count
    for one, other in zip(found, expected, strict=True):
        assert str(one) == str(other)
        x = one[0]
        assert all(part.is_contiguous() for part in (x.values() if isinstance(x, dict) else [x]))
