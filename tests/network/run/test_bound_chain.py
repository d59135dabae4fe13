"""Calls of chains of small populations, which are set up once: the same numbers as the long way, whatever changes in between."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import ShapeError
from ranvier.network.run.bound_chain import BoundChain
from ranvier.units import ms
from tests.network.run.kept_calls import made, same

Tensor = torch.Tensor


def _images(dtype: torch.dtype = torch.float32, provider: str | None = None) -> rv.Sequential:
    torch.manual_seed(5)
    first = nn.Conv2d(1, 4, 3, padding=1)
    parts = [first, rv.LIF(tau=4 * ms), nn.MaxPool2d(2), nn.Flatten(), rv.Linear(64, 3)]
    net = rv.Sequential(*parts, dt=1 * ms, dtype=dtype, provider=provider)
    return _louder(net)


def _deeper(dtype: torch.dtype = torch.float32, provider: str | None = None) -> rv.Sequential:
    """Two convolutions of populations with several variables, a shortcut, learnt numbers, and cells that fill no vector."""
    torch.manual_seed(6)
    branch = [nn.Conv2d(4, 4, 3, padding=1, bias=False), rv.ALIF((4, 8, 8), tau=rv.Learn(5 * ms), V_th=rv.Learn(0.7))]
    parts = [
        rv.Conv2d(1, 4, 3, padding=1), rv.LIF((4, 8, 8), tau=rv.Learn(4 * ms)), rv.Residual(*branch), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(64, 5), rv.LeakyReadout(5, tau=6 * ms),
    ]  # fmt: skip
    return _louder(rv.Sequential(*parts, dt=1 * ms, dtype=dtype, provider=provider))


def _louder(net: rv.Sequential) -> rv.Sequential:
    with torch.no_grad():
        for n, q in net.named_parameters():
            if "weight" in n:
                q.mul_(3)
    return net


def _x(dtype: torch.dtype = torch.float32, steps: int = 6, batch: int = 3) -> Tensor:
    return (torch.rand(steps, batch, 1, 8, 8, generator=torch.Generator().manual_seed(1)) < 0.3).to(dtype)


def _chains(net: rv.Network) -> list[Any]:
    return [kept for kept in net._memo.calls.values() if isinstance(kept.bound, BoundChain)]


def _served(net: rv.Network) -> int:
    return sum(kept.served for kept in _chains(net))


@pytest.mark.parametrize("make", [_images, _deeper])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("steps", "batch"), [(1, 1), (6, 3)])
@pytest.mark.parametrize("reset", ["auto", "detached"])
def test_it_has_the_bits_of_the_long_way(
    make: Callable, dtype: torch.dtype, steps: int, batch: int, reset: str
) -> None:
    net, x = make(dtype), _x(dtype, steps, batch)
    first = made(net, x, reset=reset)
    made(net, x, reset=reset)
    assert _served(net) == 0
    assert same(made(net, x, reset=reset), first)
    state = net(x)[1].detach()
    expected = made(copy.deepcopy(net), x, state, reset=reset)
    served = _served(net)
    found = [made(net, x, state, reset=reset) for _ in range(3)]
    assert all(same(one, expected) for one in found)
    assert _served(net) == served + 3


@pytest.mark.parametrize("make", [_images, _deeper])
def test_its_gradients_are_those_of_the_reference(make: Callable) -> None:
    x, net, witness = _x(torch.float64), make(torch.float64), make(torch.float64, "reference")
    for _ in range(3):
        found = made(net, x)
    assert _served(net) == 1
    for a, b in zip(found, made(witness, x), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)


def test_the_input_has_its_gradient() -> None:
    """As behind other modules of torch."""
    layer, slopes = rv.Sequential(rv.LIF(32, tau=4 * ms), dt=1 * ms), []
    for _ in range(4):
        x = torch.linspace(0, 2, 5 * 2 * 32).view(5, 2, 32).requires_grad_()
        out, _ = layer(x)
        (out * torch.linspace(0, 1, out.numel()).view(out.shape)).sum().backward()
        slopes.append(x.grad)
    assert _served(layer) == 2
    assert bool(slopes[0].any())
    assert all(torch.equal(slope, slopes[0]) for slope in slopes)


def test_hidden_signals_are_recorded() -> None:
    net, x, record = _deeper(), _x(), {"lif1": ["spikes", "v"], "readout1": ["v"]}
    expected = net.observe(x, record=record)
    for _ in range(3):
        found = net.observe(x, record=record)
    assert _served(net) == 2
    assert all(torch.equal(found[n][v], expected[n][v]) for n, own in record.items() for v in own)


def test_every_change_is_seen() -> None:
    changes: list[Callable[[rv.Network], object]] = [
        lambda net: torch.optim.SGD(net.parameters(), 0.01).step(),
        lambda net: net.populations["lif1"].get_buffer("tau").mul_(1.5),
        lambda net: net.populations["lif1"].get_buffer("V_th").data.mul_(0.5),
        lambda net: net.projections["conv2d1"].chain[0].weight.data.mul_(1.3),
        lambda net: net.projections["maxpool2d1"].chain.__setitem__(0, nn.AvgPool2d(2)),
        lambda net: net.populations["lif1"].register_forward_hook(lambda *_: None),
    ]
    net, x = _images(), _x()
    for _ in range(12):
        made(net, x)
    for change in changes:
        change(net)
        expected = made(copy.deepcopy(net), x)  # has nothing set up
        for _ in range(12):
            assert same(made(net, x), expected)


def test_graphs_and_states_are_independent() -> None:
    net, x, y = _images(), _x(), _x().roll(1, 0)
    alone = [made(net, z) for z in (x, x, x, y)]
    net.zero_grad()
    (one, state), (other, _) = net(x), net(y)
    state.variables["lif1"]["v"].data.zero_()  # the next call begins as before
    slope = torch.linspace(-1, 2, one.numel()).view(one.shape)
    (other * slope).sum().backward()
    (one * slope).sum().backward()
    assert same(made(net, y), alone[3])
    assert same(made(net, x), alone[0])


def test_what_cannot_be_carried_is_refused_as_in_the_long_way() -> None:
    class Odd(nn.Module):
        wrong = False

        def forward(self, x: Tensor) -> Tensor:
            return x[1:] if self.wrong else x

    torch.manual_seed(1)
    odd = Odd()
    net, x = rv.Sequential(odd, rv.LIF((1, 8, 8)), dt=1 * ms), _x()
    for _ in range(3):
        net(x)
    odd.wrong = True
    with pytest.raises(ShapeError, match="they must keep the first axis"):
        net(x)
    odd.wrong = False
    x[2, 1, 0, 3, 4] = torch.nan
    with pytest.raises(ShapeError, match="holds nan"):
        net(x)
