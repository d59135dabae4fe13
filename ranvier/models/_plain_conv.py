"""Convolutions and cells in a row: the plain network beside which others are measured."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from torch import nn

from ranvier.models._registry import register
from ranvier.models._stem import cells, convolution, head
from ranvier.network import Sequential
from ranvier.neurons import Cell
from ranvier.units import ms

__all__ = ["plain_conv_mini"]


@register(
    family="plain_conv",
    input=("inputs", 28, 28),
    steps=4,
    papers=("Wu et al., AAAI 2019 (direct training)", "Zheng et al., AAAI 2021 (tdBN)"),
)
def plain_conv_mini(
    *, inputs: int = 1, classes: int = 10, channels: tuple[int, ...] = (16, 32, 64), tau: float = 2.0, **network: Any
) -> Sequential:
    """A plain spiking network: convolutions of size 3, each after the first of stride 2, with norms and leaky cells.

    ``tau`` in ms, at steps of 1 ms.
    """
    parts: list[nn.Module | Cell] = []
    for k, (given, made) in enumerate(pairwise((inputs, *channels))):
        parts += [*convolution(given, made, stride=1 + (k > 0)), cells(tau)()]
    return Sequential(*parts, *head(channels[-1], classes), dt=1 * ms, **network)
