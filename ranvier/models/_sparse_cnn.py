"""Convolutions of stride 2 on events, read out by leaky cells."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from torch import nn

from ranvier.connectivity import Linear, ThresholdBatchNorm
from ranvier.errors import ShapeError
from ranvier.models._registry import register
from ranvier.models._stem import cells, convolution
from ranvier.network import Sequential
from ranvier.neurons import Cell, LeakyReadout
from ranvier.units import ms

__all__ = ["sparse_cnn_mini"]


@register(
    family="sparse_cnn",
    input=("inputs", "side", "side"),
    steps=12,
    papers=("Cordone, Miramond & Ferrante, IJCNN 2021",),
    layout="counts of events [T, B, inputs, side, side] to membranes [T, B, classes]",
)
def sparse_cnn_mini(
    *, inputs: int = 2, classes: int = 8, side: int = 24, channels: tuple[int, ...] = (12, 24, 32), hidden: int = 64, tau: float = 60.0,
    **network: Any,
) -> Sequential:  # fmt: skip
    """Convolutions of stride 2 on events with norms and leaky cells, and a hidden layer; train it with ``rv.regularizers.SpikeCost``.

    ``tau`` in ms, at steps of 20 ms; ``side`` is a multiple of 2 to the number of convolutions.
    """
    if side % 2 ** len(channels):
        raise ShapeError(
            f"sparse_cnn_mini: side={side} must be a multiple of {2 ** len(channels)}, for {len(channels)} convolutions of stride 2."
        )
    parts: list[nn.Module | Cell] = []
    for given, made in pairwise((inputs, *channels)):
        parts += [*convolution(given, made, stride=2), cells(tau)()]
    left = channels[-1] * (side // 2 ** len(channels)) ** 2
    parts += [nn.Flatten(), Linear(left, hidden), ThresholdBatchNorm(hidden), cells(tau)()]
    return Sequential(*parts, Linear(hidden, classes), LeakyReadout(classes, tau=tau * ms), dt=20 * ms, **network)
