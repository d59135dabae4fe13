"""Values of twins that learn: Norse's records, and the decays of Lava-DL's cell."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import ranvier as rv
from ranvier.compat import lava, norse
from ranvier.compat.arguments import CompatError
from ranvier.units import ms


@pytest.mark.parametrize("given", [rv.Learn(100.0, each=True), torch.nn.Parameter(torch.full((3,), 100.0))])
def test_rates_of_norse_learn_under_their_names(given: Any) -> None:
    net = rv.Sequential(norse.LIF(norse.LIFParameters(tau_mem_inv=given), size=3), dt=1 * ms, dtype=torch.float64)
    assert next(iter(net.state_dict())) == "lif1.tau_mem_inv"
    out, _ = net(torch.rand(50, 2, 3, dtype=torch.float64) + 1)
    out.sum().backward()
    assert net.lif1.tau_mem_inv.grad.shape == (3,)
    assert net.lif1.tau_mem_inv.grad.abs().min() > 0


def test_a_threshold_of_norse_learns_and_the_state_begins_at_its_number() -> None:
    net = rv.Sequential(norse.LSNN(norse.LSNNParameters(v_th=rv.Learn(0.5)), size=3), dt=1 * ms)
    assert net.lsnn1.V_th.requires_grad
    _, state = net(torch.zeros(1, 1, 3))
    assert float(state.variables["lsnn1"]["b"][0, 0]) == 0.5


def test_a_rate_that_diverges() -> None:
    with pytest.raises(CompatError, match=r"dt\*tau_mem_inv = 3"):
        norse.LIF(norse.LIFParameters(tau_mem_inv=torch.nn.Parameter(torch.tensor([100.0, 3000.0]))))


def cuba(learn: bool, **given: Any) -> rv.Layer:
    """Cells whose decays lie on the grid of the chip, so that rounding decays changes nothing."""
    decays = {"current_decay": 1024 / 4096, "voltage_decay": 256 / 4096}
    return lava.CUBA(threshold=0.5, **decays, requires_grad=learn, size=4).layer(
        dt=1 * ms, dtype=torch.float64, **given
    )


X = torch.randint(-8, 16, (60, 2, 4), generator=torch.Generator().manual_seed(1)).double() / 64


@pytest.mark.parametrize("provider", ["cpu", "reference"])
def test_decays_that_learn_compute_the_same_numbers_on_the_grid(provider: str) -> None:
    still, learning = (
        cuba(learn, provider=provider).observe(X, record=["v", "i", "spikes"]) for learn in (False, True)
    )
    assert still["spikes"].sum() > 50
    for name, signal in still.items():
        assert torch.equal(learning[name], signal)
        assert torch.equal((4096 * signal).round(), 4096 * signal)


@pytest.mark.parametrize("provider", ["cpu", "reference"])
def test_decays_have_the_gradient_of_the_equations_without_rounding(provider: str) -> None:
    """Below the threshold, against a loop in torch that passes the gradient straight through the rounding."""

    def kept(state: torch.Tensor, decay: torch.Tensor) -> torch.Tensor:
        exact = (1 - decay) * state
        return exact + (torch.trunc(4096 * exact) / 4096 - exact).detach()

    x = (X / 32).clamp(min=0)
    layer = cuba(True, provider=provider)
    layer.observe(x, record=["v"])["v"].sum().backward()
    i = v = torch.zeros(2, 4, dtype=torch.float64)
    decays = [torch.tensor(d / 4096, dtype=torch.float64, requires_grad=True) for d in (1024, 256)]
    total = torch.zeros((), dtype=torch.float64)
    for now in x:
        i = kept(i, decays[0]) + now
        v = kept(v, decays[1]) + i
        total = total + v.sum()
    assert layer.observe(x, record=["spikes"])["spikes"].sum() == 0
    expected = torch.autograd.grad(total, decays)
    for name, g in zip(("current_decay", "voltage_decay"), expected, strict=True):
        torch.testing.assert_close(getattr(layer, name).grad, g, rtol=1e-10, atol=0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"threshold": 0.001}, "smallest threshold"),
        ({"graded_spike": True}, "graded_spike=True has no counterpart"),
        ({"norm": object}, "write a norm before the cell"),
        ({"voltage_decay": 3 * ms}, "has a unit"),
    ],
)
def test_what_lavas_cell_refuses(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(CompatError, match=message):
        lava.CUBA(**{"threshold": 0.5, "current_decay": 0.25, "voltage_decay": 0.1, **wrong})
