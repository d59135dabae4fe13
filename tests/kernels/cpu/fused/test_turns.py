"""A chain of layers longer than one turn of its schedule: gradients with biases are those of the reference."""

from __future__ import annotations

import pytest
import torch

import ranvier as rv
from ranvier.units import ms


@pytest.mark.parametrize("steps", [20, 42, 76])
@pytest.mark.parametrize("bias", [True, False])
def test_weight_gradients_over_several_turns(steps: int, bias: bool) -> None:
    x = (torch.rand(steps, 64, 24, generator=torch.Generator().manual_seed(0)) < 0.05).double()
    aim = torch.randn(steps, 64, 27, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = []
    for provider in ("reference", "cpu"):
        torch.manual_seed(2)
        net = rv.Sequential(
            rv.Linear(24, 96, bias=bias), rv.LIF(96, tau=5 * ms), rv.Linear(96, 27, bias=bias), rv.LeakyReadout(27, tau=20 * ms),
            dt=1 * ms, dtype=torch.float64, provider=provider,
        )  # fmt: skip
        with torch.no_grad():
            next(net.parameters()).mul_(4)
        (net(x)[0] * aim).sum().backward()
        found.append([p.grad for p in net.parameters()])
    for expected, computed in zip(*found, strict=True):
        torch.testing.assert_close(computed, expected, rtol=1e-9, atol=1e-9 * float(expected.abs().max()))
