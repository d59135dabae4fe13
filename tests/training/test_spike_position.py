"""A loss that teaches a cell the step of its first spike: its value, its minimum, its gradient, and mistakes."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import ShapeError, TrainingError
from ranvier.units import ms

LOSS = rv.losses.SpikePosition()


def membranes(steps: int = 6, batch: int = 4) -> torch.Tensor:
    """U [T, B, 1] of inputs of both signs."""
    generator = torch.Generator().manual_seed(1)
    return (torch.randn(steps, batch, 1, generator=generator, dtype=torch.float64) + 0.3).cumsum(0)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_it_is_its_formula(alpha: float) -> None:
    u, n = membranes(), torch.tensor([0, 2, 5, 3])
    loss, total = rv.losses.SpikePosition(alpha, V_th=1.5), 0.0
    for b in range(4):
        trace = [0.0, *u[:, b, 0].tolist()]
        arriving = [after - before for before, after in pairwise(trace)]
        total += (trace[n[b] + 1] - 1.5 - alpha * max(arriving[n[b]], 0)) ** 2 / 4
        total += sum(min(i, 0) ** 2 for i in arriving) / 6 / 4
    assert float(loss(u, n)) == pytest.approx(total, rel=1e-12)


def test_where_the_loss_is_0_the_cell_fires_first_in_its_step() -> None:
    generator = torch.Generator().manual_seed(2)
    arriving = torch.rand(12, 50, 1, generator=generator, dtype=torch.float64) + 0.01
    n = torch.randint(12, (50,), generator=generator)
    u = arriving.cumsum(0)
    before = u.squeeze(2).gather(0, n.unsqueeze(0)) - arriving.squeeze(2).gather(0, n.unsqueeze(0))
    scale = 1 / (before + 0.5 * arriving.squeeze(2).gather(0, n.unsqueeze(0)))  # U[n] = 1 + I[n]/2
    scaled = u * scale.unsqueeze(2)
    assert float(LOSS(scaled, n)) < 1e-25
    assert torch.equal(LOSS.predict(scaled), n)


def test_gradients_equal_finite_differences() -> None:
    u, n = membranes().requires_grad_(), torch.tensor([0, 2, 5, 3])
    assert torch.autograd.gradcheck(lambda x: rv.losses.SpikePosition(alpha=0)(x, n), u)


def test_padded_steps_do_not_count() -> None:
    u, n, lengths = membranes(), torch.tensor([0, 1, 3, 2]), torch.tensor([6, 2, 4, 3])
    alone = [LOSS(u[:k, [b]], n[[b]]) for b, k in enumerate(lengths.tolist())]
    assert float(LOSS(u, n, lengths)) == pytest.approx(float(sum(alone) / 4), rel=1e-12)
    assert (LOSS.predict(torch.zeros(6, 4, 1), lengths) == lengths).all()


def test_a_silent_cell_fires_after_the_last_step() -> None:
    assert LOSS.predict(torch.zeros(5, 2, 1)).tolist() == [5, 5]


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_cell_learns_its_step(batch: int, dtype: torch.dtype) -> None:
    cell = rv.Cell("v' = v + x : 1\nx : 1 (input)", emit="v", size=1)
    net = rv.Sequential(rv.Linear(3, 1, bias=False), cell, dt=1 * ms).to(dtype)
    x, n = torch.ones(batch, 10, 3, dtype=dtype), torch.full((batch,), 6)
    nn.init.constant_(net["linear1"].weight, 0.1)
    fit = rv.train(net, (x, n), epochs=20, optimizer="sgd", lr=0.003, loss=LOSS, progress=False)
    assert fit.history[-1].train.metrics["mae"] == 0
    assert (LOSS.predict(net(x.transpose(0, 1))[0]) == 6).all()


@pytest.mark.parametrize(
    ("make", "error", "what"),
    [
        (lambda: rv.losses.SpikePosition(alpha=1.5), TrainingError, "alpha=1.5 must be a number from 0 to 1"),
        (lambda: rv.losses.SpikePosition(alpha=float("nan")), TrainingError, "alpha=nan"),
        (lambda: rv.losses.SpikePosition(alpha="half"), TrainingError, "alpha='half'"),
        (lambda: rv.losses.SpikePosition(V_th=0), TrainingError, "V_th=0 must be a number above 0"),
        (lambda: rv.losses.SpikePosition(V_th=float("inf")), TrainingError, "V_th=inf"),
        (lambda: LOSS(torch.zeros(5, 2, 3), torch.zeros(2)), ShapeError, "membrane of one cell, got 3 cells"),
        (lambda: LOSS(torch.zeros(5, 2), torch.zeros(2)), ShapeError, r"got \(5, 2\)"),
        (lambda: LOSS({"a": torch.zeros(5, 2, 1)}, torch.zeros(2)), ShapeError, "takes one output"),
        (lambda: LOSS(torch.zeros(5, 2, 1), torch.zeros(3)), ShapeError, r"\[B\] = \(2,\), got \(3,\)"),
        (lambda: LOSS(torch.zeros(5, 2, 1), [0, 1]), ShapeError, "got list"),
        (lambda: LOSS(torch.zeros(5, 2, 1), torch.tensor([0, 5])), TrainingError, "target 5 is no step"),
        (lambda: LOSS(torch.zeros(5, 2, 1), torch.tensor([-1, 2])), TrainingError, "target -1 is no step"),
        (lambda: LOSS(torch.zeros(5, 2, 1), torch.tensor([0.5, 2])), TrainingError, "target 0.5 is no step"),
        (
            lambda: LOSS(torch.zeros(5, 2, 1), torch.tensor([1, 3]), torch.tensor([5, 3])),
            TrainingError,
            "target 3 is no step of its sample",
        ),
    ],
)
def test_mistakes_are_named(make: object, error: type[Exception], what: str) -> None:
    with pytest.raises(error, match=what):
        make()
