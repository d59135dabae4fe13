"""A twin is a plain cell: it stands in networks, layers, modules of torch and files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import ranvier as rv
from ranvier.compat import norse, sinabs, snntorch, spikingjelly
from ranvier.units import ms

CELLS = {
    "snntorch": lambda: snntorch.Leaky(0.8, learn_beta=True, size=4),
    "spikingjelly": lambda: spikingjelly.ParametricLIFNode(3.0, detach_reset=True, size=4),
    "norse": lambda: norse.LSNN(size=4),
    "sinabs": lambda: sinabs.LIF(8.0, tau_syn=4.0, size=4),
}
X = 2 * torch.rand(30, 3, 4, generator=torch.Generator().manual_seed(1))


def whole(cell: rv.Cell) -> torch.Tensor:
    return rv.Sequential(cell, dt=1 * ms)(X)[0]


@pytest.mark.parametrize("library", CELLS)
def test_layers_steps_and_modules_of_torch_give_the_same(library: str) -> None:
    cell = CELLS[library]()
    expected = whole(cell)
    assert expected.sum() > 5
    layer = cell.layer(dt=1 * ms)
    assert torch.equal(layer(X)[0], expected)
    assert torch.equal(torch.nn.Sequential(layer.output_only())(X), expected)
    state, rows = None, []
    for now in X:
        out, state = layer.step(now, state)
        rows.append(out)
    assert torch.equal(torch.stack(rows), expected)


@pytest.mark.parametrize("library", CELLS)
def test_a_network_made_part_by_part_and_its_file_give_the_same(library: str, tmp_path: Path) -> None:
    cell = CELLS[library]()
    net = rv.Network(dt=1 * ms)
    net.input("x", 4)
    net.population("cells", 4, cell, output=True)
    net.connect("x", "cells", rv.OneToOne(), to="x")
    out = net(torch.cat([X, X[:1]]))[0][1:]  # connect takes a step more
    rv.save(net, tmp_path / "net")
    again = rv.load(tmp_path / "net")
    assert torch.equal(again(torch.cat([X, X[:1]]))[0][1:], out)
    assert again.populations["cells"].reset_gradient == cell.reset_gradient
    assert torch.equal(out, whole(cell))


def test_the_equations_can_be_read_and_changed() -> None:
    cell = snntorch.Leaky(0.9, size=3)
    assert "V_th*int(v > V_th)" in cell.explain()
    assert cell.with_values(beta=0.5).values["beta"] == 0.5
    part = cell + rv.Part("x += 0.2 : 1")
    assert rv.Sequential(part, dt=1 * ms)(torch.zeros(100, 1, 3))[0].sum() > 20


def test_numbers_per_cell_are_arrays_or_tensors() -> None:
    rates = torch.linspace(0.2, 0.9, 4)
    one = rv.Sequential(snntorch.Leaky(rates, learn_beta=True, size=4), dt=1 * ms)
    assert one.populations["leaky1"].beta.shape == (4,)
    alone = torch.cat([whole_of(float(r), k) for k, r in enumerate(rates)], -1)
    assert torch.equal(one(X)[0], alone)


def whole_of(beta: float, k: int) -> torch.Tensor:
    return rv.Sequential(snntorch.Leaky(beta, size=1), dt=1 * ms)(X[..., k : k + 1])[0]
