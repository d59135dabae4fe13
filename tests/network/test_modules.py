"""Modules of torch between populations: they see time and batch as one axis."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import ShapeError
from ranvier.units import ms


def images(steps: int = 6, batch: int = 2) -> torch.Tensor:
    return (torch.rand(steps, batch, 1, 12, 12, generator=torch.Generator().manual_seed(0)) < 0.3).float()


def convolutional(**how: object) -> rv.Sequential:
    torch.manual_seed(0)
    return rv.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), rv.LIF(tau=5 * ms, V_th=0.5), nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3), nn.AvgPool2d(2), rv.LIF(tau=5 * ms, V_th=0.2), nn.Flatten(1), nn.Dropout(0.2), rv.Linear(24, 3),
        rv.LeakyReadout(3), dt=1 * ms, **how,
    )  # fmt: skip


def test_shapes_and_gradients() -> None:
    net = convolutional()
    out, state = net(images())
    assert out.shape == (6, 2, 3)
    assert state.variables["lif1"]["v"].shape == (2, 4, 12, 12)
    assert state.variables["lif2"]["v"].shape == (2, 6, 2, 2)
    out.square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in net.parameters())


def test_providers_agree() -> None:
    found = []
    for provider in ("cpu", "reference"):
        net = convolutional(provider=provider, dtype=torch.float64)
        torch.manual_seed(1)
        out, _ = net(images())
        found.append((out.detach(), *torch.autograd.grad(out.square().sum(), list(net.parameters()))))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


def test_evaluation_can_be_cut_and_stepped() -> None:
    net, x = convolutional(dtype=torch.float64).eval(), images()
    whole, end = net(x)
    state, pieces = None, []
    for row in x:
        out, state = net.step(row, state)
        pieces.append(out)
    torch.testing.assert_close(torch.stack(pieces), whole, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(state.variables["lif2"]["v"], end.variables["lif2"]["v"])


def test_training_mode_reaches_the_modules() -> None:
    net = convolutional()
    norm = next(m for m in net.modules() if isinstance(m, nn.BatchNorm2d))
    before = norm.running_mean.clone()
    net.eval()(images())
    assert torch.equal(norm.running_mean, before)
    net.train()(images())
    assert not torch.equal(norm.running_mean, before)
    assert int(norm.num_batches_tracked) == 1, "finding out shapes must not count as a batch"


def test_a_norm_keeps_a_mode_of_its_own() -> None:
    net = convolutional().train()
    norm = next(m for m in net.modules() if isinstance(m, nn.BatchNorm2d)).eval()
    net(images())
    assert not norm.training
    assert int(norm.num_batches_tracked) == 0


def test_dropout_differs_from_call_to_call() -> None:
    net = rv.Sequential(rv.Linear(8, 8), nn.Dropout(0.5), rv.LeakyReadout(8), dt=1 * ms)
    x = torch.ones(3, 2, 8)
    assert not torch.equal(net(x)[0], net(x)[0])
    net.eval()
    assert torch.equal(net(x)[0], net(x)[0])


def test_a_delayed_convolution() -> None:
    """A delay on the connection shifts whatever the module makes of the spikes."""
    torch.manual_seed(0)
    conv = nn.Conv2d(1, 2, 3, padding=1, bias=False)
    outs = []
    for delay in (0, 3):
        net = rv.Network(dt=1 * ms)
        net.input("input", (1, 5, 5))
        net.population("out", (2, 5, 5), rv.LeakyReadout(), output=True)
        net.connect("input", "out", conv, to="x", delay=delay * ms)
        outs.append(net(images()[..., :5, :5])[0])
    torch.testing.assert_close(outs[0][:3], outs[1][3:])


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.LSTM(12, 3), "state of their own"),
        (nn.Unflatten(0, (1, -1)), "first axis"),
        (nn.Flatten(0), "first axis"),
        (nn.GRU(12, 3), "GRU"),
    ],
)
def test_modules_that_cannot_be_transforms(module: nn.Module, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        rv.Sequential(module, rv.LeakyReadout(), dt=1 * ms)(torch.zeros(3, 2, 12))


def test_a_module_may_see_the_steps_apart() -> None:
    """A norm of one's own: each step is scaled by its own number."""

    class PerStep(nn.Module):
        time_major = True

        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.arange(1.0, 7.0, dtype=torch.float64))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.scale[: x.shape[0]].reshape(-1, 1, *(1 for _ in x.shape[2:]))

    x = torch.rand(6, 2, 3, dtype=torch.float64)
    plain = rv.Sequential(rv.LeakyReadout(3), dt=1 * ms, dtype=torch.float64)
    net = rv.Sequential(PerStep(), rv.LeakyReadout(3), dt=1 * ms, dtype=torch.float64)
    wanted = plain(x * torch.arange(1.0, 7.0).reshape(-1, 1, 1))[0]
    torch.testing.assert_close(net(x)[0], wanted, rtol=1e-12, atol=1e-12)
