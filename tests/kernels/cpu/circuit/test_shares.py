"""Arrays that threads of a circuit write."""

from __future__ import annotations

import pytest
import torch

from ranvier.kernels.cpu.circuit.shares import Shares


@pytest.mark.parametrize("rows", [None, 3])
@pytest.mark.parametrize("ranges", [[(0, 112)], [(0, 64), (64, 112)]])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int32])
def test_arrays_begin_at_a_line_of_the_cache(
    ranges: list[tuple[int, int]], rows: int | None, dtype: torch.dtype
) -> None:
    for _ in range(5):  # memory that lies well by chance is not enough
        for part, (low, high) in zip(Shares(ranges, 112).room(dtype, rows), ranges, strict=True):
            assert part.data_ptr() % 64 == 0
            assert part.dtype == dtype
            assert part.shape == ((112,) if rows is None else (rows, 112))
            assert not part[..., low:high].any()
