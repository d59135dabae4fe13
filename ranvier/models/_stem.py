"""What models of images have in common: convolutions, rows of residual blocks, and the read-out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

from torch import nn

from ranvier.connectivity import Conv2d, Linear, ThresholdBatchNorm
from ranvier.network import Residual
from ranvier.neurons import LIF, Cell
from ranvier.units import ms

__all__ = ["cells", "convolution", "head", "residual"]


def cells(tau: float) -> partial[Cell]:
    """Makes leaky cells with a membrane time constant of ``tau`` ms."""
    return partial(LIF, tau=tau * ms)


def convolution(given: int, made: int, stride: int = 1) -> tuple[nn.Module, nn.Module]:
    """A convolution of size 3 without bias, and its norm."""
    return Conv2d(given, made, 3, stride=stride, padding=1, bias=False), ThresholdBatchNorm(made)


def residual(block: Callable[..., Residual], channels: Sequence[int], cell: partial[Cell]) -> list[Residual]:
    """A block for each entry of ``channels`` after the first, of stride 2 where the number changes."""
    return [block(a, b, stride=1 + (a != b), cell=cell) for a, b in pairwise(channels)]


def head(channels: int, classes: int) -> tuple[nn.Module, ...]:
    """The mean over pixels, and a current for each class."""
    return nn.AdaptiveAvgPool2d(1), nn.Flatten(), Linear(channels, classes)
