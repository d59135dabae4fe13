"""What a map gives, as far as its arguments tell, is what it makes; partly known shapes are compared axis by axis."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.connectivity.partial_shape import ANY, PartialShape, agree, fills, joins, narrowed, sized, written
from ranvier.connectivity.registry import transform_of
from ranvier.units import ms

MAPS: list[tuple[nn.Module, tuple[int, ...]]] = [
    (nn.Linear(5, 4), (5,)), (rv.Linear(5, 4), (3, 5)), (rv.Linear(5, 4, delay=rv.Uniform(0 * ms, 2 * ms)), (5,)),
    (nn.Conv1d(2, 4, 3, stride=2, padding=1), (2, 8)), (nn.Conv2d(2, 4, (3, 2), dilation=(2, 1)), (2, 8, 7)),
    (rv.Conv2d(2, 4, 3, padding="same"), (2, 8, 7)), (nn.Conv2d(2, 4, 3, padding="valid"), (2, 8, 7)),
    (nn.Conv2d(2, 4, 3, padding=2, padding_mode="circular"), (2, 8, 7)), (rv.Conv3d(1, 2, 2, stride=2), (1, 4, 5, 6)),
    (nn.ConvTranspose1d(2, 3, 4, stride=3, padding=1, output_padding=2), (2, 5)),
    (rv.ConvTranspose2d(2, 4, (3, 2), stride=(1, 2), padding=1, output_padding=(0, 1), groups=2), (2, 3, 4)),
    (nn.ConvTranspose3d(2, 2, 2, dilation=2), (2, 3, 4, 5)),
    (nn.MaxPool1d(3, padding=1), (2, 9)), (nn.MaxPool2d(2, dilation=2), (2, 9, 7)), (nn.MaxPool2d(2, ceil_mode=True), (2, 9, 7)),
    (nn.AvgPool2d((3, 2), stride=1), (2, 9, 7)), (nn.AvgPool2d(2), (9, 7)), (nn.AvgPool3d(2), (2, 4, 5, 6)),
    (nn.AdaptiveAvgPool1d(3), (2, 9)), (nn.AdaptiveAvgPool2d((3, None)), (2, 9, 7)), (nn.AdaptiveAvgPool2d(4), (2, 9, 7)),
    (nn.Flatten(), (2, 3, 4)), (nn.Flatten(2), (2, 3, 4)), (nn.Flatten(-2), (2, 3, 4)), (nn.Flatten(1, 2), (2, 3, 4)),
    (nn.Unflatten(1, (3, 4)), (12,)), (nn.Unflatten(-1, (2, 2)), (3, 4)), (nn.Unflatten(1, (3, -1)), (12,)),
    (nn.Identity(), (2, 3)), (nn.ReLU(), (2, 3)), (nn.Dropout(), (2, 3)),
    (nn.BatchNorm1d(3), (3,)), (nn.BatchNorm2d(3), (3, 4, 5)), (nn.InstanceNorm2d(3), (3, 4, 5)), (nn.GroupNorm(2, 4), (4, 5)),
    (nn.LayerNorm((4, 5)), (3, 4, 5)), (rv.ThresholdBatchNorm(3), (3, 4, 5)),
]  # fmt: skip


@pytest.mark.parametrize(("module", "shape"), MAPS)
def test_a_map_gives_what_it_says(module: nn.Module, shape: tuple[int, ...]) -> None:
    """For whole shapes, and for those of which one axis, or the number of axes, is unknown."""
    transform, made = transform_of(module), tuple(module(torch.zeros(2, *shape)).shape[1:])
    assert agree(shape, transform.takes())
    assert transform.refusal(shape) is None
    found = transform.gives(shape)
    assert agree(found, made)
    exact = not getattr(module, "ceil_mode", False) and -1 not in getattr(module, "unflattened_size", ())
    assert sized(found) == (made if exact else None)
    less: list[PartialShape] = [(*shape[:k], None, *shape[k + 1 :]) for k in range(len(shape))]
    for known in (*less, ANY, (shape[0], ...), (..., shape[-1])):
        assert agree(transform.gives(known), made), known


def test_a_users_own_module_gives_anything() -> None:
    class Own(nn.Linear):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            return input

    assert transform_of(Own(3, 4)).gives((3,)) == ANY


@pytest.mark.parametrize(
    ("one", "other", "agrees", "filled", "joined"),
    [
        ((4,), (4,), True, True, True), ((4,), (5,), False, False, False), ((1,), (5,), False, True, True),
        ((5,), (1,), False, False, True), ((4,), (2, 4), False, False, False), ((..., 4), (2, 4), True, True, True),
        ((..., 4), (2, 5), False, False, False), ((..., 4, 4), (4,), False, False, False), ((2, None), (2, 3), True, True, True),
        ((2, ...), (3, 4), False, False, False), (ANY, (3, 4), True, True, True), ((2, ...), (..., 3), True, True, True),
        ((2, ...), (3, ...), False, False, False), ((..., 1, 2), (..., 3, 2), False, True, True), ((2, ..., 3), (2, 3), True, True, True),
        ((2, ..., 3), (2,), False, False, False),
    ],
)  # fmt: skip
def test_shapes_are_compared_from_both_ends(
    one: PartialShape, other: PartialShape, agrees: bool, filled: bool, joined: bool
) -> None:
    assert (agree(one, other), fills(one, other), joins(one, other)) == (agrees, filled, joined)


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (ANY, (3, None), (3, None)), ((..., 4), (2, None), (2, 4)), ((None, 4), (2, ...), (2, 4)), ((..., 4), (2, ...), (..., 4)),
        ((5,), (..., 5), (5,)), ((None, None, 3), (2, ..., 3), (2, None, 3)),
    ],
)  # fmt: skip
def test_what_is_known_of_both(one: PartialShape, other: PartialShape, both: PartialShape) -> None:
    assert narrowed(one, other) == both


def test_unknown_sizes_are_shown() -> None:
    assert [written(s) for s in ((4,), (2, None, 3), (..., 4), ANY)] == ["(4,)", "(2, ?, 3)", "(…, 4)", "(…,)"]
