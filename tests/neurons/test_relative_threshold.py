"""Spikes stay, and gradients do not depend on the size of the threshold."""

from __future__ import annotations

import pytest
import torch

import ranvier as rv
from ranvier.errors import EquationError
from ranvier.units import ms, mV

DOUBLE = torch.float64
X = torch.rand(12, 3, 4, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
PROVIDERS = pytest.mark.parametrize("provider", ["cpu", "reference"])


def call(cell: rv.Cell, x: torch.Tensor, provider: str) -> tuple[torch.Tensor, torch.Tensor]:
    """What is emitted, and the derivative of a function of it by the input."""
    net = rv.Sequential(cell, dt=1 * ms, dtype=DOUBLE, provider=provider)
    x = x.clone().requires_grad_()
    out, _ = net(x)
    weights = torch.linspace(0.5, 1.5, out.numel(), dtype=DOUBLE).reshape(out.shape)
    return out.detach(), torch.autograd.grad((out * weights).sum(), x)[0]


@PROVIDERS
def test_a_scaled_cell_has_the_same_gradient(provider: str) -> None:
    """Inputs and threshold from a tenth to ten: emissions scale, derivatives stay; with a plain threshold they do not."""
    surrogate = rv.surrogates.ArcTan()
    one, slope = call(rv.RelativeThreshold(rv.LIF(4, tau=5 * ms), surrogate=surrogate), X, provider)
    assert float(slope.abs().max()) > 0.1
    for size in (0.1, 0.5, 4.0, 10.0):
        cell = rv.LIF(4, tau=5 * ms, V_th=size)
        out, found = call(rv.RelativeThreshold(cell, surrogate=surrogate), size * X, provider)
        torch.testing.assert_close(out, size * one)
        torch.testing.assert_close(found, slope)
        plain, other = call(rv.LIF(4, tau=5 * ms, V_th=size, surrogate=surrogate), size * X, provider)
        assert torch.equal(plain * size, out)
        assert not torch.allclose(other * size, slope, rtol=0.1)


@PROVIDERS
def test_the_derivative_by_the_threshold(provider: str) -> None:
    """One step of one cell: d(emitted)/dv = slope(v/V - 1), d(emitted)/dV = s - slope(v/V - 1)*v/V."""
    cell = rv.RelativeThreshold(rv.IF(3, V_th=rv.Learn(0.5)), surrogate=rv.surrogates.Triangle())
    net = rv.Sequential(cell, dt=1 * ms, dtype=DOUBLE, provider=provider)
    x = torch.tensor([[[0.4, 0.6, 2.0]]], dtype=DOUBLE, requires_grad=True)
    out, _ = net(x)
    assert out.flatten().tolist() == [0.0, 0.5, 0.5]
    by_v, by_threshold = torch.autograd.grad(out.sum(), (x, net.populations["if1"].V_th))
    slope = (1 - (x.detach() / 0.5 - 1).abs()).clamp(min=0)
    torch.testing.assert_close(by_v, slope)
    wanted = (out.detach() / 0.5 - slope * x.detach() / 0.5).sum()
    torch.testing.assert_close(by_threshold, wanted)


def test_what_is_sent_is_no_reset() -> None:
    """A detached reset cuts the path through v alone: from one step to the next only the membrane is left."""
    for provider in ("cpu", "reference"):
        cell = rv.RelativeThreshold(rv.IF(1), surrogate=rv.surrogates.Triangle())
        net = rv.Sequential(cell, dt=1 * ms, dtype=DOUBLE, provider=provider)
        x = torch.full((2, 1, 1), 0.8, dtype=DOUBLE, requires_grad=True)
        out, _ = net(x, reset="detached")
        (found,) = torch.autograd.grad(out.sum(), x)
        assert out.flatten().tolist() == [0.0, 1.0]
        torch.testing.assert_close(found.flatten(), torch.tensor([0.8 + 0.4, 0.4], dtype=DOUBLE))
    assert rv.RelativeThreshold(rv.LIF(3)).system.sent == {"sent"}
    late = rv.Cell("v' = v + x - z : 1\nz' = 0*z : 1\nx : 1 (input)", threshold="v > 1", reset="z = 1")
    assert not late.system.sent  # v reads z: that is a reset of the next step


def test_it_trains_its_threshold() -> None:
    torch.manual_seed(0)
    cell = rv.RelativeThreshold(rv.LIF(16, V_th=rv.Learn(1.0, min=0.05)))
    net = rv.Sequential(rv.Linear(4, 16), cell, rv.Linear(16, 2), rv.LeakyReadout(2), dt=1 * ms)
    data = X.float().transpose(0, 1).repeat(4, 1, 1), torch.arange(12) % 2
    for rule in (rv.rules.BPTT(), rv.rules.SLTT(), rv.rules.OTTT(), rv.rules.EProp(feedback="random")):
        before = float(net.populations["lif1"].V_th.detach())
        rv.train(net, data, epochs=2, rule=rule, lr=1e-2, progress=False)
        assert float(net.populations["lif1"].V_th.detach()) != before


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: rv.RelativeThreshold(3), "3 is not a cell"),
        (lambda: rv.RelativeThreshold(rv.ALIF(3)), "is not 'a > V_th'"),
        (lambda: rv.RelativeThreshold(rv.LeakyReadout(3)), "is not 'a > V_th'"),
        (lambda: rv.RelativeThreshold(rv.CurrentLIF(3, V_th=-50 * mV)), "is not above 0"),
        (lambda: rv.RelativeThreshold(rv.RelativeThreshold(rv.LIF(3))), "is not 'a > V_th'"),
    ],
)
def test_mistakes(make: object, words: str) -> None:
    with pytest.raises(EquationError, match=words):
        make()  # type: ignore[operator]
