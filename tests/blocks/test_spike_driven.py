"""Spike-driven blocks are their equations, need additions alone, unfold, train, and say what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import ShapeError
from ranvier.units import ms
from tests.blocks.written_out import alone, check_sum_of_branches, in_parts, trained

Tensor = torch.Tensor
KINDS = ["mask", "linear", "token", "channel"]


def cell() -> rv.Cell:
    return rv.LIF(tau=3 * ms, V_th=0.6)


def mask() -> rv.Cell:
    return rv.LIF(tau=3 * ms, V_th=1.5)


def attended(kind: str, x: Tensor, channels: int, heads: int) -> Tensor:
    """What the cells of the mask, or behind the product, receive; token by token, with additions of entries where a spike is."""
    q, k = x[:, :, :channels], x[:, :, channels : 2 * channels]
    zero = torch.zeros(())
    if kind == "token":
        heads_of = torch.arange(channels) // (channels // heads)
        return torch.stack([torch.where(heads_of[:, None] == heads_of[c], q, zero).sum(2) for c in range(channels)], 2)
    if kind == "channel":
        return torch.stack([q.sum(3)] * q.shape[3], 3)
    v = x[:, :, 2 * channels :]
    if kind == "mask":
        return torch.stack([torch.where(k.bool() & v.bool(), 1.0, 0.0).sum(3)] * q.shape[3], 3).to(x)
    y, d = torch.zeros_like(q), channels // heads
    for h in range(heads):
        of = slice(h * d, (h + 1) * d)
        for n in range(q.shape[3]):
            for m in range(q.shape[3]):
                both = (q[:, :, of, n].bool() & k[:, :, of, m].bool()).sum(2, keepdim=True)  # counts of coincidences
                y[:, :, of, n] += both * v[:, :, of, m]
    return y


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("kind", KINDS)
def test_attention_is_its_definition(kind: str, batch: int, provider: str) -> None:
    torch.manual_seed(0)
    groups = 3 if kind in ("mask", "linear") else 2
    x = (torch.rand(5, batch, 6 * groups, 4) < 0.4).double()
    parts = rv.blocks.spike_attention(6, 2, kind=kind, scale=1.0, cell=mask)
    out, _ = rv.Sequential(*parts, dt=1 * ms, dtype=x.dtype, provider=provider)(x)
    fired = alone([mask()], attended(kind, x, 6, 2))
    passes = {"mask": x[:, :, :6], "linear": torch.ones(())}.get(kind, x[:, :, 6:12])
    assert torch.equal(out, fired * passes)
    assert 0.005 < out.mean() < 0.6


@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize("shortcut", ["membrane", "add"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_block_is_its_equation(kind: str, shortcut: str, axes: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(4, 3, 8, *(5, 4)[:axes], dtype=torch.float64)
    if shortcut == "add":
        x = (x > 0).double()
    how: Any = {"cell": cell, "mask": mask, "norm": rv.StepBatchNorm, "hidden": 12}
    blocks = rv.blocks.spike_driven(8, 2, kind=kind, shortcut=shortcut, axes=axes, **how)
    check_sum_of_branches(blocks, x)


def model(*blocks: Any) -> rv.Sequential:
    torch.manual_seed(0)
    stem = rv.Conv2d(1, 8, 3, stride=2, padding=1, bias=False), rv.ThresholdBatchNorm(8)
    head = cell(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), rv.Linear(8, 3), rv.LeakyReadout(3)
    return rv.Sequential(*stem, *blocks, *head, dt=1 * ms)


BLOCKS = {
    **{kind: lambda kind=kind: rv.blocks.spike_driven(8, 2, kind=kind, hidden=16, cell=cell, mask=mask) for kind in KINDS},
    "convolutions": lambda: rv.blocks.spike_convolutions(8, size=3, hidden=16, cell=cell),
}  # fmt: skip


@pytest.mark.parametrize("name", BLOCKS)
def test_additions_alone_give_the_same(name: str) -> None:
    """In evaluation, every map between cells adds columns of weights where a spike is: no product has two numbers."""
    net = rv.fold_norms(model(*BLOCKS[name]())).double()
    x = 2 * torch.rand(4, 3, 1, 12, 12, dtype=torch.float64)
    record = {n: ["spikes"] for n, p in net.populations.items() if p.cell.emit == "spike"}
    seen = net.observe(x, record=record)
    checked = 0
    for p in net.projections.values():
        found = [m for m in p.chain if isinstance(m, rv.Conv2d)]
        if not found or p.pre == "input":
            continue
        assert p.pre in seen or p.pre.startswith("join"), p.pre
        if p.pre not in seen:
            continue
        spikes = seen[p.pre]["spikes"].flatten(0, 1)
        assert set(spikes.unique().tolist()) <= {0, 1}
        conv = found[0]
        windows = nn.functional.unfold(spikes, conv.kernel_size, padding=int(conv.kernel_size[0] // 2))
        if conv.groups > 1:
            continue
        fires = windows.bool()[:, None]  # [rows, 1, inputs of a window, places]
        added = torch.where(fires, conv.weight.flatten(1)[None, :, :, None], 0).sum(2)
        made = conv(spikes).flatten(2)
        if conv.bias is not None:
            added = added + conv.bias[None, :, None]
        torch.testing.assert_close(added, made, rtol=1e-10, atol=1e-10)
        checked += 1
    assert checked >= 2


@pytest.mark.parametrize("name", BLOCKS)
def test_no_product_needs_a_multiplier_and_a_planted_one_is_found(name: str) -> None:
    net, x = model(*BLOCKS[name]()), (torch.rand(4, 3, 1, 12, 12) < 0.5).float()
    head = [n for n, p in net.projections.items() if p.post == "readout1"]  # the mean over places is no spike
    assert {product.place.split(".")[0] for product in rv.blocks.float_products(net, x).floats} <= set(head)
    real = rv.Cell("v' = 0.5*v + x : 1\nx : 1 (input)", emit="v", name="real")
    planted = model(rv.Residual(real, rv.Conv2d(8, 8, 1)), *BLOCKS[name]())
    places = {product.place.split(".")[0] for product in rv.blocks.float_products(planted, x).floats}
    assert {n for n, p in planted.projections.items() if p.pre == "real1"} <= places


@pytest.mark.parametrize("name", BLOCKS)
def test_networks_train_fold_cut_save_and_unfold(name: str, tmp_path: Path) -> None:
    net = model(*BLOCKS[name]())
    left, given = trained(net, epochs=6)
    assert left < 0.9
    whole, _ = net(given)
    torch.testing.assert_close(in_parts(net, given, 1), whole)
    torch.testing.assert_close(rv.fold_norms(net)(given)[0], whole)
    rv.save(net, tmp_path / "net")
    assert torch.equal(rv.load(tmp_path / "net")(given)[0], whole)
    assert rv.conversion.unfold(net.double(), given.double()).difference < 1e-9


@pytest.mark.parametrize("kind", ["token", "channel"])
def test_whole_numbers_of_spikes_unfold(kind: str) -> None:
    """Keys are whole numbers, and the mask is binary: the product is a cell, so that single spikes give the same."""
    torch.manual_seed(1)
    whole = rv.IntegerLIF(tau=1 * ms)
    parts = rv.blocks.spike_attention(6, 2, kind=kind, cell=mask)
    net = rv.Sequential(
        rv.Conv1d(5, 12, 1), whole, *parts, rv.Conv1d(6, 4, 1), rv.LeakyReadout(), dt=1 * ms, dtype=torch.float64
    )
    x = 4 * torch.rand(4, 9, 5, 7, dtype=torch.float64)
    single = rv.conversion.unfold(net, x)
    torch.testing.assert_close(single(x), net(x)[0], rtol=0, atol=1e-12)
    assert net.observe(x, record={"integer1": ["s"]})["integer1"]["s"].max() > 1


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: rv.blocks.spike_driven(0, 1), "channels=0"),
        (lambda: rv.blocks.spike_driven(8, 0), "heads=0"),
        (lambda: rv.blocks.spike_driven(8, 3), "heads=3 must divide channels=8"),
        (lambda: rv.blocks.spike_driven(8, 2, hidden=-1), "hidden=-1"),
        (lambda: rv.blocks.spike_driven(8, 2, kind="sdsa"), "kind='sdsa' is unknown: use 'mask', 'linear', 'token', 'channel'"),
        (lambda: rv.blocks.spike_driven(8, 2, axes=3), "axes=3 must be 1"),
        (lambda: rv.blocks.spike_driven(8, 2, shortcut="sew"), "shortcut='sew' is unknown"),
        (lambda: rv.blocks.spike_attention(8, 2, kind="q"), "kind='q' is unknown"),
        (lambda: rv.blocks.spike_convolutions(8, size=4), "size=4 is even, which would change height and width: give 5"),
        (lambda: rv.blocks.spike_convolutions(8, expansion=0), "expansion=0"),
        (lambda: rv.blocks.spike_convolutions(-2), "channels=-2"),
        (lambda: model(*rv.blocks.spike_driven(6, 2))(torch.rand(2, 1, 1, 8, 8)), "takes samples of shape .6, .*but a sample has shape .8,"),
    ],
)  # fmt: skip
def test_mistakes_are_named(make: Any, what: str) -> None:
    with pytest.raises(ShapeError, match=what):
        make()
