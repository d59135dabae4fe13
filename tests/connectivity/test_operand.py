"""Chains as evaluation computes them: norms are part of the maps beside them, on every provider and in the step graph."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.connectivity.chain import Chain
from ranvier.connectivity.operand import joined
from ranvier.connectivity.registry import transform_of
from ranvier.kernels.step import NumpyStep
from ranvier.units import ms

DOUBLE = torch.float64


def of(*modules: nn.Module) -> list[tuple[int, str, int]]:
    """Norms before, the map, and norms behind it, of each operand."""
    return [(len(o.before), o.map.kind, len(o.behind)) for o in joined([transform_of(m) for m in modules])]


def test_what_joins_what() -> None:
    line, norm = nn.Linear(4, 4), nn.BatchNorm1d(4)
    assert of(line, norm) == [(0, "Linear", 1)]
    assert of(norm, norm, line) == [(2, "Linear", 0)]
    assert of(norm, line, nn.Dropout(), norm, norm, line) == [(1, "Linear", 2), (0, "Linear", 0)]
    assert of(line, nn.ReLU(), norm) == [(0, "Linear", 0), (0, "ReLU", 0), (0, "BatchNorm1d", 0)]
    assert of(line, nn.Flatten(), norm, line) == [(0, "Linear", 0), (0, "Flatten", 0), (1, "Linear", 0)]
    assert of(line, nn.BatchNorm1d(3)) == [(0, "Linear", 0), (0, "BatchNorm1d", 0)]
    assert of(line, nn.BatchNorm2d(4)) == [(0, "Linear", 0), (0, "BatchNorm2d", 0)]  # not of samples with one axis
    assert of(line, nn.BatchNorm1d(4, track_running_stats=False)) == [(0, "Linear", 0), (0, "BatchNorm1d", 0)]
    plane = nn.BatchNorm2d(4)
    assert of(nn.Conv2d(2, 4, 3), plane, nn.MaxPool2d(2)) == [(0, "Conv2d", 1), (0, "MaxPool2d", 0)]
    assert of(plane, nn.Conv2d(4, 2, 3)) == [(1, "Conv2d", 0)]
    assert of(plane, nn.Conv2d(4, 2, 3, padding=1)) == [(0, "BatchNorm2d", 0), (0, "Conv2d", 0)]
    assert of(plane, nn.Conv2d(4, 2, 3, padding=1, padding_mode="circular")) == [(1, "Conv2d", 0)]


def test_norms_are_apart_in_training_and_under_a_hook() -> None:
    chain = Chain([rv.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout()])
    assert len(chain.operands) == 3
    chain.eval()
    assert len(chain.operands) == 1
    chain[1].train()
    assert len(chain.operands) == 3
    chain.eval()
    handle = chain[1].register_forward_hook(lambda *_: None)
    assert len(chain.operands) == 3
    handle.remove()
    assert len(chain.operands) == 1


def rows(generator: int = 0, *shape: int) -> torch.Tensor:
    return (torch.rand(12, 6, *shape, generator=torch.Generator().manual_seed(generator)) < 0.4).double()


def late(low: float = 0, high: float = 3) -> rv.Uniform:
    return rv.Uniform(low * ms, high * ms)


PARTS: dict[str, tuple[Callable[[], list], tuple[int, ...]]] = {
    "behind": (lambda: [rv.Linear(5, 8), nn.BatchNorm1d(8), rv.LIF(8), rv.Linear(8, 8), rv.StepBatchNorm(8), rv.LIF(8)], (5,)),
    "before": (lambda: [nn.BatchNorm1d(5), rv.Linear(5, 8), rv.LIF(8), rv.ThresholdBatchNorm(8), rv.Linear(8, 8), rv.LIF(8)], (5,)),
    "dropout": (lambda: [rv.Linear(5, 8), nn.Dropout(0.5), rv.LIF(8), rv.Linear(8, 8, sign=1), nn.BatchNorm1d(8), rv.LIF(8)], (5,)),
    "delays": (
        lambda: [
            rv.Linear(5, 8, delay=late()), nn.BatchNorm1d(8), rv.LIF(8),
            rv.Linear(8, 8, delay=rv.Learn(late(), max=3 * ms)), nn.BatchNorm1d(8), rv.LIF(8),
        ], (5,),
    ),
    "one delay": (lambda: [rv.Linear(5, 8, delay=2 * ms), nn.BatchNorm1d(8), rv.LIF(8), rv.Linear(8, 8), rv.LIF(8)], (5,)),
    "planes": (
        lambda: [
            rv.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), rv.LIF((4, 6, 6)), nn.MaxPool2d(2), nn.BatchNorm2d(4),
            rv.Conv2d(4, 6, 2, groups=2), nn.BatchNorm2d(6), nn.AvgPool2d(2), rv.LIF((6, 1, 1)), nn.Flatten(), rv.Linear(6, 3),
            nn.BatchNorm1d(3), rv.LIF(3),
        ], (2, 6, 6),
    ),
    "late planes": (
        lambda: [rv.Conv2d(2, 4, 3, delay=late()), nn.BatchNorm2d(4), rv.LIF((4, 4, 4)), nn.Flatten(), rv.Linear(64, 3), rv.LIF(3)],
        (2, 6, 6),
    ),
}  # fmt: skip
SMALL = [n for n in PARTS if "planes" not in n]


def network(name: str, provider: str | None = None) -> rv.Sequential:
    torch.manual_seed(0)
    net = rv.Sequential(*PARTS[name][0](), dt=1 * ms, dtype=DOUBLE, provider=provider, seed=3)
    for _ in range(2):
        net(rows(1, *PARTS[name][1]))
    torch.manual_seed(1)
    with torch.no_grad():
        for q in net.parameters():
            q.add_(0.2 * torch.randn_like(q).abs())
    return net.eval()


def one_by_one(net: rv.Sequential) -> rv.Sequential:
    """A hook on every transform takes all of them apart."""
    for p in net.projections.values():
        for module in p.chain:
            module.register_forward_hook(lambda *_: None)
    return net


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("name", PARTS)
def test_evaluation_is_what_the_modules_compute_one_by_one(name: str, provider: str) -> None:
    """Output and all gradients, those of the norms included."""
    x = rows(2, *PARTS[name][1])
    found = []
    for net in (network(name, provider), one_by_one(network(name, "reference"))):
        assert not any(t.mixes() for p in net.projections.values() for t in p.chain.transforms)
        out, _ = net(x)
        found.append(
            (
                out.detach(),
                *torch.autograd.grad(
                    (out * torch.linspace(0.5, 2, 12, dtype=DOUBLE).reshape(-1, 1, 1)).sum(), list(net.parameters())
                ),
            )
        )
    assert 0 < float(found[0][0].mean()) < 1
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-10)
    assert all(float(g.abs().max()) > 0 for g in found[1][2:3])


@pytest.mark.parametrize("name", PARTS)
def test_the_step_graph_holds_the_norms(name: str) -> None:
    net, x = network(name), rows(2, *PARTS[name][1])[:, :1]
    shapes = {"input": PARTS[name][1]}
    plain, wanted = NumpyStep(rv.step_graph(net, shapes=shapes)), net(x)[0].detach().numpy()
    assert wanted.any()
    output = f"output_{net.outputs[0]}"
    for row, out in zip(x[:, 0].numpy(), wanted[:, 0], strict=True):
        np.testing.assert_allclose(
            plain.step({"input_input": row})[output].reshape(out.shape), out, rtol=1e-9, atol=1e-10
        )


@pytest.mark.parametrize("name", PARTS)
def test_folded_it_is_the_same(name: str) -> None:
    net, x = network(name), rows(2, *PARTS[name][1])
    folded = rv.fold_norms(net)
    assert not any(t.normalises for p in folded.projections.values() for t in p.chain.transforms)
    torch.testing.assert_close(folded(x)[0], net(x)[0], rtol=1e-9, atol=1e-10)


def test_norms_do_not_divide_an_operation() -> None:
    """In evaluation the plan with norms is that without; in training they are apart."""
    net = network("behind")
    plain = rv.fold_norms(net)
    request = {"steps": 100, "batch": 32}
    assert any(u.how == "joined" for u in net.plan(**request).units)
    assert str(net.plan(**request)) == str(plain.plan(**request))
    x = rows(3, 5)
    x = x.repeat(9, 8, 1)
    torch.testing.assert_close(net(x)[0], plain(x)[0])
    net.train()
    assert all(u.how == "scan" for u in net.plan(**request).units)
    net(x)
    net.eval()
    assert any(u.how == "joined" for u in net.plan(**request).units)


def test_numbers_are_those_of_the_moment() -> None:
    """Weights, factors and statistics are read in every call."""
    net, x = network("behind"), rows(2, 5)
    before = net(x)[0]
    norm = net.projections["linear1"].chain[1]
    norm.running_mean.add_(2.0)
    assert not torch.equal(net(x)[0], before)
    norm.running_mean.sub_(2.0)
    torch.testing.assert_close(net(x)[0], before)


@pytest.mark.parametrize("provider", ["cpu", "reference"])
def test_a_matrix_over_the_last_of_several_axes_takes_no_norm(provider: str) -> None:
    """Channels of the norm are the first axis of a sample, outputs of the matrix the last."""
    torch.manual_seed(0)
    norm = nn.BatchNorm1d(5)
    net = rv.Sequential(
        nn.Identity(),
        rv.LIF((5, 7)),
        rv.Linear(7, 5),
        norm,
        rv.LeakyReadout(),
        dt=1 * ms,
        dtype=DOUBLE,
        provider=provider,
    )
    x = rows(0, 5, 7) * 3
    net(x)
    with torch.no_grad():
        norm.weight.copy_(torch.linspace(0.5, 2, 5))
    net.eval()
    torch.testing.assert_close(net(x)[0], one_by_one(net)(x)[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("sized", [True, False])
@pytest.mark.parametrize("recurrent", [True, False])
def test_cells_in_a_plane_are_no_row(recurrent: bool, sized: bool) -> None:
    """A matrix over the last axis does not join all cells with all, so such populations are no one operation."""
    shape = (4, 5) if sized else None
    found = []
    for provider in ("cpu", "reference"):
        torch.manual_seed(0)
        cell = rv.LIF(shape, tau=5 * ms)
        parts = [rv.Recurrent(cell, rv.Linear(5, 5))] if recurrent else [cell, rv.Linear(5, 5), rv.LIF(shape)]
        net = rv.Sequential(nn.Identity(), *parts, dt=1 * ms, dtype=DOUBLE, provider=provider)
        x = torch.rand(30, 3, 4, 5, generator=torch.Generator().manual_seed(0)).double()
        found.append(net(x)[0])
    assert 0 < float(found[0].detach().mean()) < 1
    torch.testing.assert_close(*found)


def test_a_simulation_of_cells_in_a_plane() -> None:
    found = []
    for provider in ("cpu", "reference"):
        torch.manual_seed(0)
        net = rv.Network(dt=1 * ms, provider=provider, dtype=DOUBLE)
        net.source(
            "in", rv.TimedArray(torch.rand(90, 20, generator=torch.Generator().manual_seed(0)).double(), dt=1 * ms)
        )
        for name in "ab":
            net.population(name, (4, 5), rv.LIF(tau=5 * ms))
        net.connect("in", "a", nn.Unflatten(1, (4, 5)))
        net.connect("a", "b", rv.Linear(5, 5))
        found.append(net.run(90 * ms, record={"b": ["v"]}, grad=True)["b"].v)
    torch.testing.assert_close(*found)
