"""A sample that does not fit a map is refused by the projection's name, with the shape and the remedy."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import ShapeError
from ranvier.units import ms

ROW, PLANE = (10,), (2, 8, 8)
WRONG = [
    (
        ROW,
        [rv.LIF(), nn.Linear(5, 4)],
        "'linear1' .*: Linear .*takes 5 features .* shape \\(10,\\): give in_features=10",
    ),
    (ROW, [rv.LIF(10), rv.Linear(5, 4)], "'linear1' .*: Linear .*takes 5 features .* shape \\(10,\\)"),
    (PLANE, [nn.Flatten(), rv.Linear(100, 4)], "'flatten1' .*: Linear .*takes 100 features .* shape \\(128,\\)"),
    (PLANE, [rv.Conv2d(3, 4, 3)], "'conv2d1' .*: Conv2d .*takes 3 channels.*\\(2, 8, 8\\): give in_channels=2"),
    (PLANE, [rv.Conv2d(3, 4, 3, delay=rv.Uniform(0 * ms, 3 * ms))], "Conv2d takes 3 channels"),
    (PLANE, [nn.ConvTranspose2d(3, 4, 3)], "ConvTranspose2d takes 3 channels"),
    (PLANE, [nn.Conv2d(2, 4, 9)], "windows of \\(9, 9\\).*space \\(8, 8\\): give a smaller kernel_size"),
    (PLANE, [nn.Conv2d(2, 4, 5, dilation=3, padding=1)], "windows of \\(13, 13\\).*\\(10, 10\\) with its padding"),
    (PLANE, [nn.Conv2d(2, 4, 9, padding="valid")], "windows of \\(9, 9\\)"),
    (ROW, [rv.Conv2d(2, 4, 3)], "samples \\[channels, height, width\\].*\\(10,\\): reshape it first"),
    (ROW, [nn.BatchNorm1d(5)], "BatchNorm1d takes 5 channels.*give num_features=10"),
    (ROW, [nn.BatchNorm2d(10)], "BatchNorm2d takes samples \\[channels, height, width\\]"),
    (PLANE, [nn.BatchNorm1d(2)], "BatchNorm1d takes samples \\[features\\] or \\[channels, length\\]"),
    (ROW, [rv.ThresholdBatchNorm(5)], "'thresholdbatchnorm1' .*: ThresholdBatchNorm takes 5 channels"),
    (PLANE, [rv.StepBatchNorm(5)], "StepBatchNorm takes 5 channels"),
    (PLANE, [nn.GroupNorm(2, 6)], "GroupNorm takes 6 channels.*give num_channels=2"),
    (ROW, [nn.LayerNorm(6)], "LayerNorm normalises last axes of \\(6,\\)"),
    (ROW, [nn.MaxPool2d(2)], "MaxPool2d takes samples"),
    (ROW, [nn.AvgPool2d(2)], "AvgPool2d takes samples"),
    (PLANE, [nn.AvgPool2d(9)], "AvgPool2d has windows of \\(9, 9\\)"),
    (PLANE, [nn.MaxPool2d(5, dilation=2)], "MaxPool2d has windows of \\(9, 9\\)"),
    (
        PLANE,
        [nn.Conv2d(2, 4, 3, padding=9, padding_mode="circular")],
        "Conv2d .*repeats \\(9, 9\\) .*at most those .*space \\(8, 8\\): give less padding",
    ),
    (
        PLANE,
        [rv.Conv2d(2, 4, 3, padding=8, padding_mode="reflect")],
        "repeats \\(8, 8\\) .*at most one less than those .*space \\(8, 8\\)",
    ),
    (PLANE, [rv.Conv2d(2, 4, 19, padding="same", padding_mode="circular")], "repeats \\(9, 9\\)"),
    (PLANE, [rv.ConvTranspose2d(2, 4, 1, padding=4)], "makes space \\(0, 0\\) .*padding=\\(4, 4\\) is left out"),
    (
        PLANE,
        [nn.MaxPool2d(2, padding=2)],
        "MaxPool2d of torch cannot take samples of shape \\(2, 8, 8\\) \\(pad should be at most half",
    ),
    (PLANE, [nn.AvgPool2d(2, stride=0)], "AvgPool2d of torch cannot take .*stride should not be zero"),
    (PLANE, [nn.Conv2d(2, 4, 3, stride=(1, 2, 3))], "Conv2d of torch cannot take samples"),
    (PLANE, [nn.PixelShuffle(2)], "PixelShuffle of torch cannot take .*divisible by the square"),
    (ROW, [nn.Flatten(3)], "Flatten of torch cannot take samples"),
    (ROW, [nn.LazyConv2d(4, 3)], "LazyConv2d of torch cannot take samples of shape \\(10,\\)"),
    ((3,), [nn.Bilinear(3, 3, 3)], "Bilinear of torch cannot take .*input2"),
    (ROW, [nn.Unflatten(1, (3, 4))], "Unflatten divides axis 1 .* 12 numbers, .*\\(10,\\)"),
]


class Unknown(nn.Module):
    """A user's own module: nobody knows the shape that it gives."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


@pytest.mark.parametrize(("shape", "parts", "words"), WRONG)
@pytest.mark.parametrize("sized", [False, True])
def test_a_sample_that_does_not_fit(shape: tuple[int, ...], parts: list, words: str, sized: bool) -> None:
    """With a size behind the map no shape is worked out beforehand: the map itself meets the samples."""
    behind = (Unknown(), rv.LIF(4)) if sized else (rv.LIF(),)
    with pytest.raises(ShapeError, match=words):
        rv.Sequential(*parts, *behind, dt=1 * ms)(torch.ones(5, 3, *shape))


def test_a_mistake_of_a_users_own_module_stays_as_it_is() -> None:
    class Broken(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise ValueError("my own words")

    with pytest.raises(ValueError, match="my own words"):
        rv.Sequential(nn.Identity(), Broken(), rv.LIF(), dt=1 * ms)(torch.ones(5, 3, 4))


def test_an_error_that_is_no_misfit_stays_as_it_is() -> None:
    """Torch takes such samples one by one: the shape is not to blame."""
    layer = nn.Linear(4, 4)

    def fail(module: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        raise RuntimeError("no memory left")

    layer.register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="no memory left"):
        rv.Sequential(layer, rv.LIF(4), dt=1 * ms)(torch.ones(5, 3, 4))


def test_known_sizes_are_checked_when_a_projection_is_made() -> None:
    net = rv.Network(dt=1 * ms)
    for name, size in (("a", 10), ("b", 4)):
        net.population(name, size, rv.LIF())
    with pytest.raises(ShapeError, match=r"'a_to_b_x' from 'a' to 'b': Linear behind 'a' takes 12 features.*\(10,\)"):
        net.connect("a", "b", rv.Linear(12, 4))
    assert not net.projections
