"""Checks of a task's operands, and the range of their numbers."""

import pytest
import torch

from ranvier.kernels.operands import extent


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64, torch.uint8])
@pytest.mark.parametrize("shape", [(1,), (100_000,), (7, 5)])
def test_extent_is_the_least_and_the_greatest(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    low = 0 if dtype == torch.uint8 else -200
    numbers = torch.randint(low, 200, shape, generator=torch.Generator().manual_seed(1)).to(dtype)
    assert extent(numbers) == (int(numbers.min()), int(numbers.max()))
    assert extent(numbers.T) == extent(numbers)


def test_extent_reads_32_bit_ends() -> None:
    ends = torch.tensor([2**31 - 1, -(2**31), 0], dtype=torch.int32)
    assert extent(ends) == (-(2**31), 2**31 - 1)
