"""Ready-made integrate-and-fire cells against formulas and against each other."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import ranvier as rv
from ranvier.units import ms


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("reset", ["v -= V_th", "v = 0", ""])
def test_without_leak(reset: str, dtype: torch.dtype, provider: str, tmp_path: Path) -> None:
    """Quarters are exact numbers of both types, so a loop gives the same membranes; gradients are those of a leak of nearly 1."""
    x = torch.randint(0, 4, (30, 2, 5), generator=torch.Generator().manual_seed(0)).to(dtype) / 4
    v, spikes, membranes = torch.zeros(2, 5, dtype=dtype), [], []
    for row in x:
        v = v + row
        s = (v > 1).to(dtype)
        v = {"v -= V_th": v - s, "v = 0": v * (1 - s), "": v}[reset]
        spikes.append(s)
        membranes.append(v)
    found = []
    for cell in (
        rv.IF(5, V_th=rv.Learn(1.0), reset=reset), rv.LIF(5, tau=float("inf") * ms, V_th=rv.Learn(1.0), reset=reset),
        rv.LIF(5, tau=1e12 * ms, V_th=rv.Learn(1.0), reset=reset),
    ):  # fmt: skip
        net = rv.Sequential(cell, dt=1 * ms, dtype=dtype, provider=provider)
        given = x.clone().requires_grad_()
        out, _ = net(given)
        found.append(
            torch.autograd.grad((out * torch.arange(1.0, 31.0).reshape(-1, 1, 1)).sum(), [given, *net.parameters()])
        )
        if len(found) < 3:
            assert torch.equal(out, torch.stack(spikes))
            seen = net.observe(x, record={net.nodes[1]: ["v"]})
            assert torch.equal(seen[net.nodes[1]]["v"], torch.stack(membranes))
    for endless, slow in zip(found[0], found[2], strict=True):
        torch.testing.assert_close(endless, slow, rtol=1e-4, atol=1e-5)
    assert all(torch.equal(a, b) for a, b in zip(found[0], found[1], strict=True))
    rv.save(net, tmp_path / "net")
    assert torch.equal(rv.load(tmp_path / "net")(x)[0], net(x)[0])
