"""Ways that part and meet at the ports of one cell, in a chain."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.network import GraphError
from ranvier.units import ms


def gate(size: int | None = None, **values: Any) -> rv.Cell:
    return rv.Cell(
        "y = sigmoid(r)*x : 1\nr : 1 (input)\nx : 1 (input)", emit="y", name="gate", size=size, **values
    )  # fmt: skip


def chain(*parts: Any, **options: Any) -> rv.Sequential:
    return rv.Sequential(*parts, dt=1 * ms, dtype=torch.float64, **options)


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("batch", [1, 7])
def test_ways_meet_at_their_ports(provider: str, batch: int) -> None:
    torch.manual_seed(0)
    to_r, to_x, x = rv.Linear(4, 3), rv.Linear(4, 3), torch.rand(6, batch, 4, dtype=torch.float64)
    out, _ = chain(rv.Branches(gate(), r=[to_r], x=[to_x, nn.Tanh()]), provider=provider)(x)
    wanted = torch.sigmoid(x @ to_r.weight.T + to_r.bias) * torch.tanh(x @ to_x.weight.T + to_x.bias)
    torch.testing.assert_close(out, wanted, rtol=1e-12, atol=1e-12)
    learnt = [*to_r.parameters(), *to_x.parameters()]
    for a, b in zip(*(torch.autograd.grad(y.square().sum(), learnt) for y in (out, wanted)), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_transforms_before_them_end_in_one_relay_and_an_empty_way_carries_on() -> None:
    first, x = rv.Linear(4, 4), torch.rand(6, 2, 4, dtype=torch.float64)
    net = chain(first, rv.Branches(gate(), r=[], x=[rv.LIF(), rv.Linear(4, 4), rv.Residual(rv.Linear(4, 4))]))
    assert list(net.relays) == ["fork1", "fork2", "join1"]
    assert "gate1" in net.populations
    assert net(x)[0].shape == (6, 2, 4)


def test_cells_learn_their_size_from_the_ways(tmp_path: Path) -> None:
    cell = rv.Cell("y = a*x + r : 1\nr : 1 (input)\nx : 1 (input)", emit="y", name="mix", a=rv.Learn(rv.Uniform(0, 1)))
    net = chain(rv.Linear(4, 5), rv.LIF(5), rv.Branches(cell, x=[rv.Linear(5, 3)], r=[rv.Linear(5, 3)]), rv.LIF(3))
    assert net.mix1.a.shape == (3,)
    x = torch.rand(6, 2, 4, dtype=torch.float64)
    rv.save(net, tmp_path / "net")
    assert torch.equal(rv.load(tmp_path / "net")(x)[0], net(x)[0])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: rv.Branches(rv.Linear(3, 3), x=[]), "meet at a cell, got Linear"),
        (lambda: rv.Branches(gate()), r"list of parts for each port of gate: r, x=\[…\]"),
        (lambda: rv.Branches(gate(), q=[]), "gate has no port 'q': branches can lead to r, x"),
        (lambda: rv.Branches(gate(), x=rv.Linear(3, 3)), "x is a Linear: give a list of parts"),
        (lambda: rv.Branches(gate(), x=rv.LIF(3)), "x is a Cell: give a list of parts"),
        (lambda: rv.Branches(gate(), x=rv.Residual(rv.LIF(3))), "x is a Residual: give a list of parts"),
        (lambda: rv.Branches(gate(), x=None), "x is a NoneType: give a list of parts"),
        (lambda: rv.Residual(rv.LIF(3), shortcut=rv.LIF(3)), "shortcut is a Cell: give a list of parts"),
        (lambda: chain(rv.Branches(gate(), x=["lif"], r=[])), "got str"),
        (lambda: chain(rv.Branches(gate(), x=[rv.Linear(3, 4)], r=[rv.Linear(3, 5)])), "brings"),
        (lambda: chain(rv.Branches(gate(), x=[rv.Linear(3, 4)], r=[rv.Linear(2, 4)]))(torch.rand(5, 2, 3)), "(2|3)"),
    ],
)  # fmt: skip
def test_mistakes_are_named(make: Callable[[], object], says: str) -> None:
    with pytest.raises(rv.errors.RanvierError, match=says) as caught:
        make()
    assert isinstance(caught.value, GraphError | rv.errors.ShapeError)
