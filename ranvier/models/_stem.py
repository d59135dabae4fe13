"""What models of images have in common: the first layer, and the read-out."""

from __future__ import annotations

from functools import partial

from torch import nn

from ranvier.blocks import vgg
from ranvier.connectivity import Linear
from ranvier.neurons import LIF, Cell
from ranvier.units import ms

__all__ = ["cells", "head", "stem"]


def cells(tau: float) -> partial[Cell]:
    """Makes leaky cells with a membrane time constant of ``tau`` ms."""
    return partial(LIF, tau=tau * ms)


def stem(inputs: int, channels: int, cell: partial[Cell]) -> tuple[nn.Module | Cell, ...]:
    """A convolution with norm and cells: pixels enter as currents in every step."""
    return vgg(inputs, [channels], cell=cell)


def head(channels: int, classes: int) -> tuple[nn.Module, ...]:
    """The mean over pixels, and a current for each class."""
    return nn.AdaptiveAvgPool2d(1), nn.Flatten(), Linear(channels, classes)
