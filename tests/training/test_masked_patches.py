"""Hidden patches as targets: what is drawn, what counts, and that a network learns to fill it in."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import ShapeError, TrainingError
from ranvier.units import ms

NAN = float("nan")


def test_hidden_pixels_are_the_targets_and_visible_ones_stay() -> None:
    torch.manual_seed(0)
    images = torch.rand(5, 2, 8, 12)
    hidden = rv.data.MaskedPatches(images, size=4, share=0.5, steps=3, fill=-1.0)
    assert len(hidden) == 5
    x, y = hidden[2]
    assert x.shape == (3, 2, 8, 12)
    assert torch.equal(x[0], x[2])
    covered = x[0] == -1
    assert covered.float().mean() == 0.5
    assert torch.equal(x[0][~covered], images[2][~covered])
    whole = nn.functional.pixel_shuffle(y, 4)
    assert torch.equal(whole.isnan(), ~covered)
    assert torch.equal(whole[covered], images[2][covered])
    assert not torch.equal(hidden[2][1].isnan(), y.isnan())


def test_only_known_values_count() -> None:
    loss, out = rv.losses.MaskedRegression(), torch.randn(4, 3, 2, dtype=torch.float64, requires_grad=True)
    target = torch.tensor([[1.0, NAN], [NAN, NAN], [2.0, 3.0]], dtype=torch.float64)
    value = loss(out, target)
    mean = out.detach().mean(0)
    assert float(value.detach()) == pytest.approx(
        float(((mean[0, 0] - 1) ** 2 + (mean[2, 0] - 2) ** 2 + (mean[2, 1] - 3) ** 2) / 3)
    )
    value.backward()
    assert torch.equal(out.grad[0] != 0, ~target.isnan())
    lengths = torch.tensor([4, 4, 2])
    short = out.detach().clone()
    short[2:, 2] = 0  # zero after a sample's end
    expected = ((mean[0, 0] - 1) ** 2 + ((out.detach()[:2, 2].mean(0) - target[2]) ** 2).sum()) / 3
    assert float(loss(short, target, lengths)) == pytest.approx(float(expected))


def test_a_network_learns_to_fill_in() -> None:
    torch.manual_seed(0)
    images = (torch.arange(24) % 2).float().view(-1, 1, 1, 1) * torch.ones(24, 1, 8, 8)
    net = rv.Sequential(
        *rv.blocks.spiking_stem(1, 16), *rv.blocks.spikformer(16, 2, hidden=16), rv.Conv2d(16, 16, 1), dt=1 * ms
    )
    data = rv.data.MaskedPatches(images, size=4, steps=3)
    fit = rv.train(net, data, epochs=8, lr=1e-2, loss=rv.losses.MaskedRegression(), progress=False)
    assert fit.history[-1].train.loss < 0.4 * fit.history[0].train.loss
    assert fit.history[-1].train.metrics["rmse"] < 0.6


@pytest.mark.parametrize(
    ("make", "error", "what"),
    [
        (lambda: rv.data.MaskedPatches(torch.rand(3, 8, 8), size=4), ShapeError, r"takes images \[S, C, H, W\], got \(3, 8, 8\)"),
        (lambda: rv.data.MaskedPatches([1, 2], size=4), ShapeError, "got list"),
        (lambda: rv.data.MaskedPatches(torch.rand(3, 1, 8, 8), size=3), ShapeError, r"size=3 must divide the images, whose space is \(8, 8\)"),
        (lambda: rv.data.MaskedPatches(torch.rand(3, 1, 8, 8), size=0), ShapeError, "size=0"),
        (lambda: rv.data.MaskedPatches(torch.rand(3, 1, 8, 8), size=4, steps=-2), ShapeError, "steps=-2"),
        (lambda: rv.data.MaskedPatches(torch.rand(3, 1, 8, 8), size=4, share=1), ShapeError, "share=1 must lie"),
        (lambda: rv.data.MaskedPatches(torch.rand(3, 1, 8, 8), size=4, share="half"), ShapeError, "share='half' must lie"),
        (lambda: rv.losses.MaskedRegression()({"a": torch.zeros(2, 3, 4)}, torch.zeros(3, 4)), ShapeError, "takes one output"),
        (lambda: rv.losses.MaskedRegression()(torch.zeros(2, 3, 4), torch.zeros(3, 5)), ShapeError, r"targets \(3, 5\)"),
        (lambda: rv.losses.MaskedRegression()(torch.zeros(2, 3, 4), torch.full((3, 4), NAN)), TrainingError, "every target of a batch is NaN"),
        (lambda: rv.losses.MaskedRegression()(torch.zeros(2, 3, 4), torch.zeros(3, 4) > 0), TrainingError, "real numbers"),
    ],
)  # fmt: skip
def test_mistakes_are_named(make: object, error: type[Exception], what: str) -> None:
    with pytest.raises(error, match=what):
        make()
