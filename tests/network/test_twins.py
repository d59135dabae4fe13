"""Models of other libraries written by hand in torch, and the cells that are their exact twins."""

from __future__ import annotations

import pytest
import torch

import ranvier as rv
from ranvier.units import ms

BETA, V_TH, STEPS, BATCH, INPUTS, CELLS = 0.9, 1.0, 40, 3, 7, 5


def delayed_reset(x: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """snnTorch's ``Leaky(reset_mechanism="subtract")``: the spike before is subtracted, and passes no gradient."""
    v, membranes, spikes = torch.zeros(BATCH, CELLS, dtype=x.dtype), [], []
    for now in x:
        reset = (v > V_TH).to(x.dtype).detach()
        v = BETA * v + now @ weight.T - reset * V_TH
        membranes.append(v)
        spikes.append((v > V_TH).to(x.dtype))
    return torch.stack(membranes), torch.stack(spikes)


def network(provider: str) -> tuple[rv.Sequential, torch.Tensor]:
    twin = rv.Cell(
        "v' = beta*v + x - V_th*int(v > V_th) : 1\nx : 1 (input)", threshold="v > V_th", beta=BETA, V_th=V_TH, size=CELLS, name="lif"
    )  # fmt: skip
    torch.manual_seed(3)
    net = rv.Sequential(rv.Linear(INPUTS, CELLS, bias=False), twin, dt=1 * ms, dtype=torch.float64, provider=provider)
    weight = net.projections["linear1"].chain[0].weight
    torch.nn.init.normal_(weight, std=0.8)
    return net, weight


@pytest.mark.parametrize("provider", ["cpu", "reference"])
def test_the_twin_of_snntorch_has_its_membranes_and_the_gradient_of_a_loss_on_them(provider: str) -> None:
    net, weight = network(provider)
    x = (torch.rand(STEPS, BATCH, INPUTS, generator=torch.Generator().manual_seed(5)) < 0.3).double()
    seen = net.observe(x, record={"lif1": ["v", "spikes"]})["lif1"]
    v, spikes = delayed_reset(x, weight)
    assert spikes.sum() > 20
    assert torch.equal(seen["spikes"], spikes)
    assert torch.allclose(seen["v"], v, rtol=1e-12, atol=1e-13)
    target = torch.arange(STEPS * BATCH) % CELLS
    found, expected = (
        torch.autograd.grad(torch.nn.functional.cross_entropy(m.reshape(-1, CELLS), target), weight)[0]
        for m in (seen["v"], v)
    )
    assert torch.allclose(found, expected, rtol=1e-10, atol=1e-13)


def test_the_reset_at_the_spike_has_the_spikes_and_other_membranes() -> None:
    """``v -= V_th/beta`` is spike for spike equal; what is recorded is v after the reset."""
    _, weight = network("cpu")
    x = (torch.rand(STEPS, BATCH, INPUTS, generator=torch.Generator().manual_seed(5)) < 0.3).double()
    cell = rv.LIF(CELLS, tau=-1 / torch.tensor(BETA, dtype=torch.float64).log().item() * ms, reset=f"v -= V_th/{BETA}")
    other = rv.Sequential(rv.Linear(INPUTS, CELLS, bias=False), cell, dt=1 * ms, dtype=torch.float64)
    with torch.no_grad():
        other.projections["linear1"].chain[0].weight.copy_(weight)
    seen = other.observe(x, record={"lif1": ["v", "spikes"]})["lif1"]
    v, spikes = delayed_reset(x, weight)
    assert torch.equal(seen["spikes"], spikes)
    assert torch.allclose(seen["v"] + spikes * V_TH / BETA, v, rtol=1e-9, atol=1e-9)
