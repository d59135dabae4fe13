"""Steps that are left of counters."""

from __future__ import annotations

import pytest
import torch

from ranvier.kernels.cpu.host.left import left_kernel


@pytest.mark.parametrize("dtype", [torch.int32, torch.float32, torch.float64])
@pytest.mark.parametrize("count", [0, 1, 15, 16, 53])
def test_what_is_left_after_the_last_step(dtype: torch.dtype, count: int) -> None:
    ends = torch.randint(0, 40, (count,), generator=torch.Generator().manual_seed(count)).to(dtype)
    target, span = torch.full((count,), -1, dtype=torch.int32), torch.tensor([3, 17])
    left_kernel(dtype).run(source=ends, target=target, span=span, count=count)
    assert torch.equal(target, (ends.int() - 17).clamp(min=0))
