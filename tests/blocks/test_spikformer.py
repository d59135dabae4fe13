"""Blocks of Spikformer are their equations, keep the plan's kernels, and train."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import ShapeError
from ranvier.units import ms
from tests.blocks.written_out import check_sum_of_branches, in_parts, trained


def cell() -> rv.Cell:
    return rv.LIF(tau=3 * ms, V_th=0.5)


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize("shortcut", ["add", "membrane"])
def test_a_block_is_its_equation(shortcut: str, axes: int, provider: str) -> None:
    torch.manual_seed(0)
    x = (torch.rand(4, 3, 8, *(5, 4)[:axes]) < 0.4).double()
    how = {"cell": cell, "norm": rv.StepBatchNorm, "hidden": 12}
    blocks = rv.blocks.spikformer(8, 2, shortcut=shortcut, axes=axes, **how)
    out = check_sum_of_branches(blocks, x, provider=provider)
    if shortcut == "add":
        assert set(out.unique().tolist()) <= {0.0, 1.0, 2.0, 3.0}


def model(**how: object) -> rv.Sequential:
    torch.manual_seed(0)
    return rv.Sequential(
        *rv.blocks.spiking_stem(1, 16), *rv.blocks.spikformer(16, 2, hidden=32, **how),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), rv.Linear(16, 3), rv.LeakyReadout(3), dt=1 * ms,
    )  # fmt: skip


@pytest.mark.parametrize("how", [{}, {"shortcut": "membrane"}, {"steps": 2}], ids=["add", "membrane", "two-steps"])
def test_whole_networks_train_save_and_cut(how: dict[str, object], tmp_path: Path) -> None:
    net = model(**how)
    left, given = trained(net, epochs=8)
    assert left < 0.8
    whole, _ = net(given)
    assert torch.equal(in_parts(net, given, 2), whole)
    torch.testing.assert_close(rv.fold_norms(net)(given)[0], whole)
    rv.save(net, tmp_path / "net")
    assert torch.equal(rv.load(tmp_path / "net")(given)[0], whole)


def test_the_stem_tells_places_apart() -> None:
    torch.manual_seed(0)
    net = rv.Sequential(*rv.blocks.spiking_stem(1, 8, halvings=1, cell=cell), dt=1 * ms).eval()
    out = net(torch.full((6, 1, 1, 12, 12), 4.0))[0].sum(0)[0]
    assert out.shape == (8, 6, 6)
    assert bool((out[:, 2:4, 2:4] != out[:, :1, :1]).any())


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: rv.blocks.spikformer(0, 1), "spikformer: channels=0"),
        (lambda: rv.blocks.spikformer(8, 0), "spikformer: heads=0"),
        (lambda: rv.blocks.spikformer(8, 3), "heads=3 must divide channels=8"),
        (lambda: rv.blocks.spikformer(8, 2, hidden=-4), "hidden=-4"),
        (lambda: rv.blocks.spikformer(8, 2, axes=3), "axes=3 must be 1"),
        (lambda: rv.blocks.spikformer(8, 2, shortcut="sew"), "shortcut='sew' is unknown: use 'add' or 'membrane'"),
        (lambda: rv.blocks.spikformer(8, 2, steps=0), "steps=0"),
        (lambda: rv.blocks.spikformer(8, 2, scale=-1), "scale=-1"),
        (lambda: rv.blocks.spiking_stem(1, 6, halvings=3), "channels=6 cannot be halved 2 times: give a multiple of 4"),
        (lambda: rv.blocks.spiking_stem(0, 8), "in_channels=0"),
        (lambda: rv.blocks.spiking_stem(1, 8, halvings=0), "halvings=0"),
        (lambda: rv.Sequential(*rv.blocks.spikformer(8, 2), dt=1 * ms)(torch.rand(2, 1, 7, 4, 4)), "takes 8 channels, but a sample has shape"),
    ],
)  # fmt: skip
def test_mistakes_are_named(make: object, what: str) -> None:
    with pytest.raises(ShapeError, match=what):
        make()
