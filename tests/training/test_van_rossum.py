"""The distance of spike trains: its formula, its gradient, and samples of different length."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import ranvier as rv
from ranvier.errors import ShapeError, TrainingError
from ranvier.units import ms

GENERATOR = torch.Generator().manual_seed(1)
S, Y = ((torch.rand(shape, generator=GENERATOR) < 0.3).double() for shape in ((20, 3, 4), (3, 20, 4)))


def slow(s: torch.Tensor, y: torch.Tensor, keep: float, order: int) -> torch.Tensor:
    """The distances [B, C], each filter step by step."""
    far = s - y.transpose(0, 1)
    for _ in range(order):
        rows = [far[0]]
        for now in far[1:]:
            rows.append(keep * rows[-1] + now)
        far = torch.stack(rows)
    return far.square().sum(0)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize(("tau", "dt"), [(3 * ms, 1 * ms), (2 * ms, 0.5 * ms), (40 * ms, 1 * ms)])
def test_the_filters_step_by_step_give_the_same(tau: Any, dt: Any, order: int) -> None:
    ratio = float(dt / tau)
    expected = ratio * slow(S, Y, float(torch.exp(torch.tensor(-ratio, dtype=torch.float64))), order).mean()
    torch.testing.assert_close(rv.losses.VanRossum(tau, order, dt)(S, Y), expected, rtol=1e-12, atol=0)


def test_gradient_against_finite_differences() -> None:
    s = S.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda out: rv.losses.VanRossum(3 * ms, 2)(out, Y), (s,))


def test_steps_after_the_end_of_a_sample_do_not_count() -> None:
    loss, lengths = rv.losses.VanRossum(3 * ms), torch.tensor([20, 7, 12])
    each = [loss(S[:n, k : k + 1], Y[k : k + 1, :n]) for k, n in enumerate(lengths.tolist())]
    torch.testing.assert_close(loss(S, Y, lengths), torch.stack(each).mean(), rtol=1e-12, atol=0)


def test_a_network_learns_spike_times() -> None:
    torch.manual_seed(0)
    net = rv.Sequential(rv.Linear(30, 4), rv.LIF(4, tau=5 * ms), dt=1 * ms)
    x, y = (torch.rand(1, 60, 30) < 0.1).float(), torch.zeros(1, 60, 4)
    y[0, 10::10] = 1
    fit = rv.train(net, (x, y), epochs=60, lr=2e-2, loss=rv.losses.VanRossum(5 * ms), progress=False)
    assert fit.history[-1].train.loss < 0.6 * fit.history[0].train.loss


def test_an_order_that_cannot_be_meant() -> None:
    with pytest.raises(TrainingError, match="positive whole number"):
        rv.losses.VanRossum(tau=1 * ms, order=0)


def test_targets_of_another_shape() -> None:
    with pytest.raises(ShapeError, match=r"give spikes \[B, T, C\] = \(3, 20, 4\)"):
        rv.losses.VanRossum(3 * ms)(S, Y.transpose(0, 1))
