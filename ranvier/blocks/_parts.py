"""What the blocks have in common: a convolution with its norm, and what a block is checked for."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from ranvier.connectivity import Conv1d, Conv2d
from ranvier.errors import ShapeError
from ranvier.neurons import Cell
from ranvier.values import is_whole

__all__ = ["MakeCell", "MakeNorm", "check_sizes", "convolution", "pointwise"]

#: makes a cell, such as ``rv.LIF`` or ``lambda: rv.LIF(tau=5*ms)``
MakeCell = Callable[[], Cell]
#: makes a norm for a number of channels, such as ``rv.ThresholdBatchNorm``
MakeNorm = Callable[[int], nn.Module]


def convolution(
    given: int, made: int, norm: MakeNorm, *, size: int = 3, stride: int = 1
) -> tuple[nn.Module, nn.Module]:
    """A convolution without bias that keeps height and width (but for the stride), and its norm."""
    return Conv2d(given, made, size, stride=stride, padding=size // 2, bias=False), norm(made)


def pointwise(given: int, made: int, norm: MakeNorm, axes: int) -> tuple[nn.Module, nn.Module]:
    """A matrix that acts on the channels of every place of ``axes`` axes (1 or 2), without bias, and its norm."""
    return (Conv1d, Conv2d)[axes - 1](given, made, 1, bias=False), norm(made)


def check_sizes(block: str, **sizes: int) -> None:
    """Raise ShapeError where one is not a positive whole number."""
    for name, value in sizes.items():
        if not is_whole(value):
            raise ShapeError(f"{block}: {name}={value!r} must be a positive whole number.")
