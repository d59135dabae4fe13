"""Modes of torch around a network: compilation, half precision, second derivatives, vmap."""

from __future__ import annotations

import pytest
import torch

import ranvier as rv
from ranvier.errors import RanvierError
from ranvier.units import ms

X = torch.rand(20, 5, 4)


def network(provider: str | None = None) -> rv.Sequential:
    return rv.Sequential(rv.Linear(4, 3), rv.LIF(3, tau=10 * ms), dt=1 * ms, provider=provider)


@pytest.mark.parametrize("evaluated", [False, True])
def test_another_dtype_of_one_part_names_it(evaluated: bool) -> None:
    norm = torch.nn.BatchNorm1d(6)
    delayed = rv.Linear(6, 2, delay=rv.Uniform(0 * ms, 5 * ms))
    net = rv.Sequential(rv.Linear(8, 6), norm, rv.LIF(6), delayed, rv.LIF(2), dt=1 * ms).train(not evaluated)
    x = torch.rand(5, 3, 8)
    norm.double()
    with pytest.raises(
        RanvierError, match=r"BatchNorm1d has numbers of torch\.float64, but the network computes in torch\.float32"
    ):
        net(x)
    norm.float()
    net[2:].double()
    with pytest.raises(RanvierError, match=r"Linear has numbers of .*convert the whole network, as in net\.double\(\)"):
        net(x)
    assert net.double()(x.double())[0].dtype is torch.float64


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_half_precision_is_that_of_weights_alone(half: torch.dtype) -> None:
    out, state = network().to(half)(X.to(half))
    assert state.variables["lif1"]["v"].dtype is torch.float32
    assert out.isfinite().all()


def test_autocast_rounds_products_alone() -> None:
    """Membranes stay wide, and nearly what they are without it."""
    net = rv.Sequential(rv.Linear(4, 3), rv.LeakyReadout(3, tau=10 * ms), dt=1 * ms)
    expected, _ = net(X)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, state = net(X)
    assert state.variables["readout1"]["v"].dtype is torch.float32
    torch.testing.assert_close(found.float(), expected, rtol=0.05, atol=0.05)


def test_a_second_derivative_names_the_provider_that_has_one() -> None:
    def first(provider: str) -> torch.Tensor:
        net = network(provider)
        return torch.autograd.grad(net(X)[0].sum(), list(net.parameters()), create_graph=True)[0]

    with pytest.raises(RanvierError, match=r"no second derivative .*provider='reference'"):
        first("cpu")
    assert first("reference").requires_grad
