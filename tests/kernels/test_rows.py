"""Rows of successive steps: the last of two series together, in memory of their own."""

from __future__ import annotations

import pytest
import torch

from ranvier.kernels.rows import last_of


@pytest.mark.parametrize("depth", [0, 1, 3, 7])
@pytest.mark.parametrize("new", [0, 1, 3, 9])
def test_they_are_the_last_of_both(depth: int, new: int) -> None:
    before, now = torch.randn(depth, 2, 5), torch.randn(new, 2, 5)
    both = torch.cat([before, now])
    found = last_of(before, now)
    assert torch.equal(found, both[new:])
    found.zero_()
    assert torch.equal(torch.cat([before, now]), both)
