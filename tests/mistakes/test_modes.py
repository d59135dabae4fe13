"""Modes of torch around a network: another dtype of one part, second derivatives."""

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


def test_a_second_derivative_names_the_provider_that_has_one() -> None:
    def first(provider: str) -> torch.Tensor:
        net = network(provider)
        return torch.autograd.grad(net(X)[0].sum(), list(net.parameters()), create_graph=True)[0]

    with pytest.raises(RanvierError, match=r"no second derivative .*provider='reference'"):
        first("cpu")
    assert first("reference").requires_grad
