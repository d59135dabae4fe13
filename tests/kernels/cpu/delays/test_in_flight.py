"""Spikes in flight of a dense matrix with a delay for each synapse: quiet and crowded steps, against the reference and over cuts."""

from __future__ import annotations

import pytest
import torch

import ranvier as rv
from ranvier.units import ms

Tensor = torch.Tensor
STEPS, CELLS = 26, 37
KINDS = {
    "fixed": lambda: {"delay": rv.Uniform(1 * ms, 7 * ms)},
    "learnt": lambda: {"delay": rv.Learn(rv.Uniform(0 * ms, 5 * ms), max=7 * ms)},
    "smooth": lambda: {
        "delay": rv.Learn(rv.Uniform(0 * ms, 5 * ms), max=7 * ms), "interpolation": "gaussian", "width": 1.5 * ms,
    },
}  # fmt: skip


def _net(kind: str, provider: str, dtype: torch.dtype = torch.float64) -> rv.Sequential:
    torch.manual_seed(3)
    inside = rv.Linear(CELLS, CELLS, bias=False, **KINDS[kind]())
    parts = [
        rv.Linear(12, CELLS),
        rv.Recurrent(rv.LIF(CELLS, tau=6 * ms), inside),
        rv.Linear(CELLS, 3),
        rv.LeakyReadout(3),
    ]
    net = rv.Sequential(*parts, dt=1 * ms, dtype=dtype, provider=provider, seed=5)
    with torch.no_grad():
        net.projections["linear1"].chain[0].weight.mul_(3)
        inside.weight.mul_(0.2)
    return net


def _inputs(batch: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Silent, crowded and quiet steps by turns."""
    rate = torch.tensor([0.0, 0.8, 0.1]).repeat_interleave(3).repeat(4)[:STEPS, None, None]
    return (torch.rand(STEPS, batch, 12, generator=torch.Generator().manual_seed(2)) < rate).to(dtype)


def _made(net: rv.Sequential, x: Tensor, state: rv.State) -> list[Tensor]:
    seen = net.observe(x, state, record={"lif1": ["spikes", "v"], "readout1": ["v"]})
    out = seen["readout1"]["v"]
    (out * torch.linspace(-1, 2, out.numel(), dtype=out.dtype).view(out.shape)).sum().backward()
    rates = seen["lif1"]["spikes"].mean((1, 2))
    assert bool((rates > 0.2).any())
    assert bool((rates < 0.1).any())
    return [out.detach(), seen["lif1"]["spikes"].detach(), *(p.grad for p in net.parameters() if p.grad is not None)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch", [16, 70])
def test_quiet_and_crowded_steps_are_those_of_the_reference(kind: str, batch: int) -> None:
    x, rows = _inputs(batch), []
    for provider in ("cpu", "reference"):
        net = _net(kind, provider)
        state = net.initial_state(batch, stream=0)
        with torch.no_grad():
            state = net(x, state)[1]  # spikes in flight
        rows.append(_made(net, x, state))
    for a, b in zip(*rows, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_cuts_change_no_bit(kind: str, dtype: torch.dtype) -> None:
    net, x = _net(kind, "cpu", dtype), _inputs(20, dtype)
    with torch.no_grad():
        record = {"lif1": ["v", "spikes"]}
        whole = net.observe(x, net.initial_state(20, stream=0), record=record)["lif1"]
        state, pieces = net.initial_state(20, stream=0), []
        for part in x.split(7):
            pieces.append(net.observe(part, state, record=record)["lif1"])
            state = net(part, state)[1]
    for v in ("v", "spikes"):
        assert torch.equal(torch.cat([piece[v] for piece in pieces]), whole[v])
