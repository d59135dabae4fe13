"""Tensors that are kept for later calls are plain ones, also where torch makes others."""

from __future__ import annotations

import pytest
import torch

from ranvier.kernels.cpu.host.plain import in_plain_mode


@in_plain_mode
def made(count: int, *, fill: float) -> tuple[torch.Tensor, bool]:
    return torch.full((count,), fill), torch.is_grad_enabled()


@pytest.mark.parametrize("mode", [torch.no_grad, torch.enable_grad, torch.inference_mode])
def test_later_calls_may_write_to_them(mode: type) -> None:
    with mode():
        tensor, grad = made(3, fill=2.0)
        assert torch.is_inference_mode_enabled() is (mode is torch.inference_mode)
    tensor.add_(1)
    assert tensor.tolist() == [3.0] * 3
    assert grad is (mode is torch.enable_grad)
