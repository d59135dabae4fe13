"""The end-point error of optical flow: its value, what counts, its gradient, and mistakes."""

from __future__ import annotations

import pytest
import torch

import ranvier as rv
from ranvier.errors import ShapeError, TrainingError
from ranvier.units import ms

NAN = float("nan")
LOSS = rv.losses.EndPointError()


def flows(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """An output [5, 3, 2, 4, 6] and targets [3, 5, 2, 4, 6] of which some are unknown."""
    generator = torch.Generator().manual_seed(seed)
    out, target = (torch.randn(5, 3, 2, 4, 6, generator=generator, dtype=torch.float64) for _ in range(2))
    hidden = torch.rand(5, 3, 1, 4, 6, generator=generator) < 0.3
    return out, target.masked_fill(hidden, NAN).transpose(0, 1)


def test_it_is_the_mean_length_over_known_pixels() -> None:
    out, target = flows()
    lengths = []
    for s in range(3):
        for t in range(5):
            for y in range(4):
                for x in range(6):
                    away = out[t, s, :, y, x] - target[s, t, :, y, x]
                    if not away.isnan().any():
                        lengths.append(float(away.square().sum().sqrt()))
    assert 0 < len(lengths) < 360
    assert float(LOSS(out, target)) == pytest.approx(sum(lengths) / len(lengths), rel=1e-12)


def test_one_unknown_value_hides_the_pixel() -> None:
    out, target = flows()
    target[0, 0, 0, 0, 0], target[0, 0, 1, 0, 0] = NAN, 1.0
    both = target.clone()
    both[0, 0, :, 0, 0] = NAN
    assert float(LOSS(out, target)) == float(LOSS(out, both))


def test_targets_without_steps_hold_in_every_step() -> None:
    out, target = flows()
    held = target[:, 0]
    assert float(LOSS(out, held)) == float(LOSS(out, held.unsqueeze(1).repeat(1, 5, 1, 1, 1)))


def test_steps_after_the_end_of_a_sample_do_not_count() -> None:
    out, target = flows()
    lengths = torch.tensor([5, 2, 4])
    shorter = target.clone()
    shorter[1, 2:], shorter[2, 4:] = NAN, NAN
    assert float(LOSS(out, target, lengths)) == pytest.approx(float(LOSS(out, shorter)), rel=1e-12)


def test_gradients_equal_finite_differences_and_are_finite_at_the_truth() -> None:
    out, target = flows()
    out = out[:2, :1, :, :2, :2].clone().requires_grad_()
    few = target[:1, :2, :, :2, :2]
    assert torch.autograd.gradcheck(lambda o: LOSS(o, few), out)
    exact = torch.where(few.isnan(), 0, few).transpose(0, 1).clone().requires_grad_()
    LOSS(exact, few).backward()
    assert torch.equal(exact.grad, torch.zeros_like(exact))


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_network_with_recurrence_learns_motion(batch: int, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    cells = rv.Recurrent(rv.LIF((3, 4, 4)), rv.Conv2d(3, 3, 3, padding=1, bias=False))
    net = rv.Sequential(
        rv.Conv2d(2, 3, 3, padding=1), cells, rv.Conv2d(3, 2, 1), rv.LeakyReadout((2, 4, 4)), dt=1 * ms
    ).to(dtype)
    x, flow = torch.full((batch, 6, 2, 4, 4), 0.5, dtype=dtype), torch.ones(batch, 2, 4, 4, dtype=dtype)
    fit = rv.train(net, (x, flow), epochs=6, lr=0.05, loss=LOSS, metric=["loss", "mae"], progress=False)
    assert fit.history[-1].train.loss < fit.history[0].train.loss
    assert LOSS.predict(net(x.transpose(0, 1))[0]).shape == (6, batch, 2, 4, 4)


@pytest.mark.parametrize(
    ("out", "target", "error", "what"),
    [
        ({"a": torch.zeros(2, 3, 2, 4, 4)}, torch.zeros(3, 2, 4, 4), ShapeError, "takes one output"),
        (torch.zeros(2, 3, 2), torch.zeros(3, 2), ShapeError, r"got \(2, 3, 2\): end the network with rv.Conv2d"),
        (torch.zeros(2, 3, 3, 4, 4), torch.zeros(3, 3, 4, 4), ShapeError, r"got \(2, 3, 3, 4, 4\)"),
        (torch.zeros(0, 3, 2, 4, 4), torch.zeros(3, 2, 4, 4), ShapeError, "at least one step"),
        (torch.zeros(2, 3, 2, 4, 4), torch.zeros(3, 2, 4, 5), ShapeError, r"\[B, T, 2, 4, 4\] = \(3, 2, 2, 4, 4\)"),
        (torch.zeros(2, 3, 2, 4, 4), torch.zeros(2, 3, 2, 4, 4), ShapeError, "2 steps and 3 samples"),
        (torch.zeros(2, 3, 2, 4, 4), torch.full((3, 2, 4, 4), NAN), TrainingError, "no motion of a batch is known"),
        (torch.zeros(2, 3, 2, 4, 4), torch.zeros(3, 2, 4, 4) > 0, TrainingError, "real numbers"),
        (torch.zeros(2, 3, 2, 4, 4), torch.zeros(3, 2, 4, 4, dtype=torch.complex64), TrainingError, "real numbers"),
        (torch.zeros(2, 3, 2, 4, 4), [0.0], TrainingError, "got targets of list"),
    ],
)
def test_mistakes_are_named(out: object, target: object, error: type[Exception], what: str) -> None:
    with pytest.raises(error, match=what):
        LOSS(out, target)


def test_lengths_beyond_the_output_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"lengths \[3, 1, 1\] for an output of 2 steps"):
        LOSS(torch.zeros(2, 3, 2, 4, 4), torch.zeros(3, 2, 4, 4), torch.tensor([3, 1, 1]))
