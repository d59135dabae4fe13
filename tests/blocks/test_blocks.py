"""Blocks are the equations of their papers, on both providers, and networks of them are saved, cut and trained."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import ShapeError
from ranvier.network import GraphError
from ranvier.units import ms
from tests.blocks.written_out import alone

X = (torch.rand(5, 3, 4, 6, 6, generator=torch.Generator().manual_seed(0)) < 0.4).double()
STRIDED = {"out_channels": 6, "stride": 2}


def cell() -> rv.Cell:
    return rv.LIF(tau=4 * ms, V_th=0.5)


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("shape", [{}, STRIDED], ids=["same", "strided"])
@pytest.mark.parametrize("join", ["add", "and", "iand"])
def test_sew_is_its_equation(join: str, shape: dict[str, int], provider: str) -> None:
    torch.manual_seed(0)
    block = rv.blocks.sew(4, join=join, cell=cell, norm=rv.StepBatchNorm, **shape)
    net = rv.Sequential(block, dt=1 * ms, dtype=torch.float64, provider=provider)
    branch, past = alone(block.parts, X), alone(block.shortcut, X)
    wanted = {"add": branch + past, "and": branch * past, "iand": (1 - branch) * past}[join]
    out, _ = net(X)
    assert bool(branch.any())
    assert bool(past.any())
    torch.testing.assert_close(out, wanted, rtol=1e-12, atol=1e-12)
    ours = torch.autograd.grad(out.square().sum(), list(net.parameters()))
    theirs = torch.autograd.grad(wanted.square().sum(), list(net.parameters()))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("shape", [{}, STRIDED], ids=["same", "strided"])
def test_ms_carries_currents_past(shape: dict[str, int], provider: str) -> None:
    torch.manual_seed(0)
    block = rv.blocks.ms(4, cell=cell, norm=rv.StepBatchNorm, **shape)
    first = rv.Conv2d(4, 4, 3, padding=1)
    net = rv.Sequential(first, block, cell(), dt=1 * ms, dtype=torch.float64, provider=provider)
    current = alone([first], X)
    wanted = alone([cell()], alone(block.parts, current) + alone(block.shortcut, current))
    out, _ = net(X)
    assert bool(out.any())
    torch.testing.assert_close(out, wanted, rtol=1e-12, atol=1e-12)
    assert all(bool(g.any()) for g in torch.autograd.grad(out.square().sum(), [first.weight]))


def deep(**how: object) -> rv.Sequential:
    torch.manual_seed(0)
    return rv.Sequential(
        rv.Conv2d(4, 6, 3, padding=1, delay=1 * ms), rv.ThresholdBatchNorm(6), cell(),
        rv.blocks.sew(6, 8, stride=2, join="iand", cell=cell), rv.blocks.sew(8, cell=cell), rv.Conv2d(8, 8, 1),
        rv.blocks.ms(8, cell=cell), rv.Residual(cell(), rv.blocks.ms(8, cell=cell), shortcut=[nn.Identity()]), cell(),
        *rv.blocks.vgg(8, [9, "M"], cell=cell), nn.Flatten(), rv.Linear(9, 3), rv.LeakyReadout(3), dt=1 * ms, **how,
    )  # fmt: skip


def test_names_follow_the_order_of_the_parts() -> None:
    net = deep()
    assert list(net.relays) == ["join2", "fork1", "join3", "join4", "join5"]
    assert "join1" in net.populations  # iand is not a sum
    assert [n for n in net.populations if n.startswith("lif")] == [f"lif{k}" for k in range(1, 14)]
    assert net.outputs == ["readout1"]


def test_deep_networks_agree_and_can_be_cut_and_saved(tmp_path: Path) -> None:
    found = []
    for provider in ("cpu", "reference"):
        net = deep(dtype=torch.float64, provider=provider)
        out, _ = net(X)
        found.append((out.detach(), *torch.autograd.grad(out.square().sum(), list(net.parameters()))))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-10)
    net = net.eval()
    whole, _ = net(X)
    first, state = net(X[:2])
    second, _ = net(X[2:], state)
    torch.testing.assert_close(torch.cat([first, second]), whole, rtol=1e-10, atol=1e-12)
    rv.save(net, tmp_path / "model")
    assert torch.equal(rv.load(tmp_path / "model")(X)[0], whole)
    rv.save_state(state.detach(), tmp_path / "state.safetensors")
    torch.testing.assert_close(net(X[2:], rv.load_state(tmp_path / "state.safetensors"))[0], second)
    torch.testing.assert_close(rv.fold_norms(net)(X)[0], whole, rtol=1e-9, atol=1e-11)


def test_every_layer_fires_and_learns() -> None:
    net = deep()
    found = rv.initialize(net, X.float(), rate=0.15, tolerance=0.4)
    assert all(0.05 < r < 0.3 for r in found.values())
    y = torch.tensor([0, 1, 2])
    fit = rv.train(
        net, (X.float().transpose(0, 1), y), epochs=15, lr=1e-2, loss=rv.losses.MeanMembrane(scale=20), progress=False
    )
    assert fit.history[-1].train.loss < 0.5 * fit.history[0].train.loss


def test_vgg_plans() -> None:
    parts = rv.blocks.vgg(3, "vgg16")
    assert sum(isinstance(p, rv.Conv2d) for p in parts) == 13
    assert sum(isinstance(p, nn.AvgPool2d) for p in parts) == 5
    net = rv.Sequential(*rv.blocks.vgg(2, [4, "M", 8]), dt=1 * ms)
    assert net(torch.rand(2, 2, 2, 8, 8))[0].shape == (2, 2, 8, 4, 4)


@pytest.mark.parametrize(
    ("make", "error", "what"),
    [
        (lambda: rv.blocks.sew(0), ShapeError, "in_channels=0"),
        (lambda: rv.blocks.ms(4, stride=0), ShapeError, "stride=0"),
        (lambda: rv.blocks.sew(4, join="or"), GraphError, "join='or'"),
        (lambda: rv.blocks.vgg(3, "vgg7"), ShapeError, "vgg7"),
        (lambda: rv.blocks.vgg(3, [4, "P"]), ShapeError, "'P'"),
        (lambda: rv.Residual(), GraphError, "at least one"),
        (lambda: rv.Residual(rv.LIF(), shortcut=nn.Identity()), GraphError, "list of parts"),
        (lambda: rv.Sequential(rv.Residual("lif"), dt=1 * ms), GraphError, "got str"),
    ],
)
def test_mistakes_are_named(make: object, error: type[Exception], what: str) -> None:
    with pytest.raises(error, match=what):
        make()


def test_shapes_that_cannot_be_joined_are_named() -> None:
    net = rv.Sequential(rv.Residual(rv.Conv2d(4, 5, 3), rv.LIF()), dt=1 * ms)
    with pytest.raises(ShapeError):
        net(X.float())


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize(
    "shape", [{}, STRIDED, {"stride": 4}], ids=["same", "strided", "strided on a size that does not divide"]
)
def test_ems_carries_currents_past_and_feeds_spikes_to_convolutions(shape: dict[str, int], provider: str) -> None:
    torch.manual_seed(0)
    block = rv.blocks.ems(4, cell=cell, norm=rv.StepBatchNorm, gain=1, **shape)
    first = rv.Conv2d(4, 4, 3, padding=1)
    net = rv.Sequential(first, block, cell(), dt=1 * ms, dtype=torch.float64, provider=provider)
    current = alone([first], X)
    wanted = alone([cell()], alone(block.parts, current) + alone(block.shortcut, current))
    out, _ = net(X)
    assert bool(out.any())
    torch.testing.assert_close(out, wanted, rtol=1e-12, atol=1e-12)
    assert all(bool(g.any()) for g in torch.autograd.grad(out.square().sum(), [first.weight]))
    fed = [p.pre for p in net.projections.values() for m in p.chain if isinstance(m, rv.Conv2d)]
    assert fed[0] == "input"
    assert set(fed[1:]) <= set(net.populations)  # cells that spike; a relay would bring currents


def test_ems_keeps_gradients_equal_over_depth() -> None:
    torch.manual_seed(0)
    blocks = [rv.blocks.ems(8) for _ in range(10)]
    net = rv.Sequential(rv.Conv2d(2, 8, 3, padding=1), rv.ThresholdBatchNorm(8), *blocks, rv.LIF(), dt=1 * ms)
    out, _ = net(torch.rand(4, 6, 2, 8, 8))
    (out * torch.randn_like(out)).sum().backward()
    norms = torch.stack([q.grad.norm() for q in net.parameters() if q.shape == (8, 8, 3, 3)])
    assert len(norms) == 20
    assert float(norms.max() / norms.min()) < 2.5


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"in_channels": 0}, "in_channels=0"), ({"in_channels": 4, "stride": -1}, "stride=-1"),
        ({"in_channels": 4, "gain": 0}, "gain=0"), ({"in_channels": 4, "gain": "a"}, "gain='a'"),
        ({"in_channels": 4, "norm": lambda channels: nn.Identity()}, "Identity has no weight"),
    ],
)  # fmt: skip
def test_wrong_ems(how: dict[str, object], says: str) -> None:
    with pytest.raises(ShapeError, match=says):
        rv.blocks.ems(**how)
