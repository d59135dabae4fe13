"""Threshold-dependent norms: their formula, their statistics, cuts in time, and folding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import ShapeError
from ranvier.network import GraphError
from ranvier.units import ms

STEPS, BATCH, CHANNELS = 5, 4, 3


def data(*space: int) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(STEPS, BATCH, CHANNELS, *space, dtype=torch.float64) * 3 + torch.arange(STEPS).reshape(
        -1, 1, 1, *(1 for _ in space)
    )


@pytest.mark.parametrize("space", [(), (6, 5)])
def test_all_steps_together(space: tuple[int, ...]) -> None:
    norm = rv.ThresholdBatchNorm(CHANNELS, V_th=0.5, alpha=0.7, momentum=0.25).double()
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.0, 2.0, -1.0]))
        norm.bias.copy_(torch.tensor([0.0, 0.1, 0.2]))
    x = data(*space)
    over = (0, 1, *range(3, x.ndim))
    var, mean = torch.var_mean(x, over, correction=0, keepdim=True)
    shape = (1, 1, CHANNELS, *(1 for _ in space))
    wanted = 0.35 * norm.weight.reshape(shape) * (x - mean) / (var + 1e-5).sqrt() + norm.bias.reshape(shape)
    torch.testing.assert_close(norm(x.flatten(0, 1)), wanted.flatten(0, 1))
    torch.testing.assert_close(norm.running_mean, 0.25 * mean.flatten())
    torch.testing.assert_close(norm.running_var, 0.75 + 0.25 * x.var(over))


@pytest.mark.parametrize("space", [(), (6, 5)])
def test_every_step_by_itself(space: tuple[int, ...]) -> None:
    norm = rv.StepBatchNorm(CHANNELS, V_th=0.5, momentum=0.25).double()
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.0, 2.0, -1.0]))
    x = data(*space)
    twin = nn.BatchNorm1d(CHANNELS).double()
    with torch.no_grad():
        twin.weight.copy_(0.5 * norm.weight)
    rows = x.flatten(3).transpose(2, 3).flatten(1, 2) if space else x
    wanted = torch.stack([twin(step) for step in rows])
    got = norm(x).flatten(3).transpose(2, 3).flatten(1, 2) if space else norm(x)
    torch.testing.assert_close(got, wanted)
    over = (1, *range(3, x.ndim))
    torch.testing.assert_close(norm.running_mean, 0.25 * x.mean(over).mean(0))
    torch.testing.assert_close(norm.running_var, 0.75 + 0.25 * x.var(over).mean(0))


def convolutional(kind: type, provider: str | None = None, last: bool = False) -> rv.Sequential:
    torch.manual_seed(0)
    return rv.Sequential(
        rv.Conv2d(1, 4, 3, bias=False, delay=rv.Uniform(0 * ms, 2 * ms)), kind(4), rv.LIF(tau=5 * ms), nn.MaxPool2d(2),
        rv.Conv2d(4, 6, 3), kind(6), rv.LIF(tau=5 * ms), nn.Flatten(), rv.Linear(24, 8),
        nn.BatchNorm1d(8), rv.LIF(8), rv.Linear(8, 3), rv.LeakyReadout(3), dt=1 * ms, dtype=torch.float64, provider=provider,
    )  # fmt: skip


X = (torch.rand(6, 5, 1, 10, 10, generator=torch.Generator().manual_seed(0)) < 0.3).double()


@pytest.mark.parametrize("kind", [rv.ThresholdBatchNorm, rv.StepBatchNorm])
class TestInNetworks:
    def test_providers_agree(self, kind: type) -> None:
        found = []
        for provider in ("cpu", "reference"):
            net = convolutional(kind, provider)
            out, _ = net(X)
            found.append((out.detach(), *torch.autograd.grad(out.square().sum(), list(net.parameters()))))
        for ours, theirs in zip(*found, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)
        assert float(found[0][0].abs().max()) > 0

    def test_evaluation_can_be_cut_anywhere(self, kind: type) -> None:
        net = convolutional(kind)
        net(X)
        net.eval()
        whole, _ = net(X)
        for cut in range(7):
            first, state = net(X[:cut])
            second, _ = net(X[cut:], state)
            torch.testing.assert_close(torch.cat([first, second]), whole, rtol=1e-10, atol=1e-12)

    def test_only_steps_by_themselves_can_be_cut_in_training(self, kind: type) -> None:
        norm = kind(2).double()
        net = rv.Sequential(norm, rv.LeakyReadout(2, tau=5 * ms), dt=1 * ms, dtype=torch.float64)
        x = torch.randn(6, 5, 2, dtype=torch.float64) + torch.arange(6).reshape(-1, 1, 1)
        whole, _ = net(x)
        windows, _ = net(x, window=2)
        assert torch.allclose(whole, windows, rtol=1e-10, atol=1e-12) == (kind is rv.StepBatchNorm)

    def test_folded_it_computes_the_same(self, kind: type) -> None:
        net = convolutional(kind)
        for _ in range(3):
            net(X)
        with torch.no_grad():
            for q in net.parameters():
                q.add_(0.1 * torch.randn_like(q))
        before = {n: t.clone() for n, t in net.state_dict().items()}
        folded = rv.fold_norms(net)
        assert not any("norm" in type(m).__name__.lower() for m in folded.modules())
        torch.testing.assert_close(folded(X)[0], net.eval()(X)[0], rtol=1e-9, atol=1e-10)
        assert all(torch.equal(t, before[n]) for n, t in net.state_dict().items())

    def test_bad_input_is_named(self, kind: type) -> None:
        with pytest.raises(ShapeError, match="takes 3 channels"):
            rv.Sequential(kind(3), rv.LIF(), dt=1 * ms)(torch.zeros(2, 4, 5))
        with pytest.raises(ShapeError, match="more than one value per channel"):
            rv.Sequential(kind(5), rv.LIF(), dt=1 * ms)(torch.zeros(1, 1, 5))
        for wrong in ({"num_features": 0}, {"V_th": -1.0}, {"alpha": float("nan")}, {"momentum": 2.0}):
            with pytest.raises(ShapeError):
                kind(**{"num_features": 3, **wrong})


def test_what_cannot_be_folded_is_named() -> None:
    for parts, what in (
        ([rv.ThresholdBatchNorm(3)], "follows nothing"),
        ([rv.ThresholdBatchNorm(3), nn.ReLU(), rv.Linear(3, 4)], "stands before ReLU"),
        ([rv.ThresholdBatchNorm(3), rv.Conv2d(3, 4, 3, padding=1)], r"Conv2d with padding=\(1, 1\), whose zeros"),
        ([rv.ThresholdBatchNorm(3), nn.ConvTranspose2d(3, 4, 3)], "stands before ConvTranspose2d"),
        ([rv.Linear(3, 4), nn.ReLU(), rv.ThresholdBatchNorm(4)], "follows ReLU"),
        ([rv.Linear(3, 4), nn.BatchNorm1d(4, track_running_stats=False)], "no running statistics"),
    ):
        with pytest.raises(GraphError, match=what):
            rv.fold_norms(rv.Sequential(*parts, rv.LIF(), dt=1 * ms))
    signed = rv.ThresholdBatchNorm(4)
    with torch.no_grad():
        signed.weight[1] = -1
    with pytest.raises(GraphError, match="break the signs"):
        rv.fold_norms(rv.Sequential(rv.Linear(3, 4, sign=np.array([1, 1, -1])), signed, rv.LIF(), dt=1 * ms))


def norm_of(kind: type[nn.Module], channels: int, **how: Any) -> nn.Module:
    norm = kind(channels, **how)
    norm.running_mean.copy_(torch.linspace(-0.3, 0.4, channels))
    norm.running_var.copy_(torch.linspace(0.5, 1.5, channels))
    with torch.no_grad():
        norm.weight.copy_(torch.linspace(0.5, 1.5, channels))
    return norm


def test_a_matrix_and_a_norm_over_another_axis() -> None:
    """A norm counts channels along the first axis and a matrix along the last: the copy takes samples of one axis only."""
    net = rv.Sequential(nn.Linear(7, 5), norm_of(nn.BatchNorm1d, 5), rv.LeakyReadout(), dt=1 * ms)
    folded, x = rv.fold_norms(net), torch.rand(3, 2, 7)
    torch.testing.assert_close(folded(x)[0], net.eval()(x)[0])
    net(torch.rand(3, 2, 5, 7))
    with pytest.raises(ShapeError, match="expected"):
        folded(torch.rand(3, 2, 5, 7))
    net = rv.Sequential(nn.Linear(7, 5), norm_of(nn.BatchNorm1d, 6), rv.LeakyReadout(), dt=1 * ms)
    with pytest.raises(GraphError, match="BatchNorm1d has 6 channels, but Linear before it has 5 outputs"):
        rv.fold_norms(net)


@pytest.mark.parametrize(("before", "behind"), [((5, 7), None), (None, (5, 5)), ((5, 7), (5, 5))])
def test_a_matrix_inside_images_takes_no_norm(before: tuple[int, ...] | None, behind: tuple[int, ...] | None) -> None:
    way = nn.Linear(7, 5), norm_of(nn.BatchNorm1d, 5)
    net = rv.Sequential(nn.Identity(), rv.LIF(before), *way, rv.LeakyReadout(behind), dt=1 * ms)
    net(torch.rand(3, 2, 5, 7))
    with pytest.raises(GraphError, match="Linear acts on the last axis of samples of several axes"):
        rv.fold_norms(net)


def test_a_joined_way_keeps_its_size() -> None:
    """Relays without a size get that of the samples that were folded."""
    way = (rv.Linear(6, 6), norm_of(rv.ThresholdBatchNorm, 6))
    net = rv.Sequential(*way, rv.Relay(), rv.Linear(6, 3), rv.LeakyReadout(), dt=1 * ms)
    folded, x = rv.fold_norms(net), torch.rand(4, 2, 6)
    torch.testing.assert_close(folded(x)[0], net.eval()(x)[0])
    assert next(iter(folded.relays.values())).size == (6,)
    assert next(iter(net.relays.values())).size is None


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("learnt", [True, False])
def test_frozen_weights_stay_frozen(bias: bool, learnt: bool) -> None:
    made = nn.Linear(4, 3, bias=bias).requires_grad_(learnt)
    folded = rv.fold_norms(rv.Sequential(made, norm_of(nn.BatchNorm1d, 3), rv.LeakyReadout(3), dt=1 * ms))
    assert [q.requires_grad for q in folded.projections.parameters()] == [learnt, learnt]
    assert not any(m.training for m in folded.modules())


def test_norms_of_single_samples() -> None:
    """An instance norm with running statistics is folded; norms whose statistics are those of a sample stay."""
    x = torch.rand(3, 2, 2, 5, 5)
    norms = norm_of(nn.InstanceNorm2d, 4, affine=True, track_running_stats=True), nn.GroupNorm(2, 4)
    for norm, left in zip(norms, (False, True), strict=True):
        net = rv.Sequential(rv.Conv2d(2, 4, 2), norm, rv.LeakyReadout(), dt=1 * ms)
        folded = rv.fold_norms(net)
        assert any("Norm" in type(m).__name__ for m in folded.modules()) == left
        torch.testing.assert_close(folded(x)[0], net.eval()(x)[0])
