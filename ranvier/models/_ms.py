"""Residual networks that join currents."""

from __future__ import annotations

from typing import Any

from ranvier.blocks import ms as ms_block
from ranvier.models._registry import register
from ranvier.models._stem import cells, convolution, head, residual
from ranvier.network import Sequential
from ranvier.units import ms

__all__ = ["ms_mini"]


@register(family="ms", input=("inputs", 28, 28), steps=4, papers=("Hu et al., IEEE TNNLS 2024",))
def ms_mini(
    *, inputs: int = 1, classes: int = 10, channels: tuple[int, ...] = (16, 16, 32), tau: float = 2.0, **network: Any
) -> Sequential:
    """A residual network that joins currents: a stem of channels[0], then a block for each further entry, and cells.

    A block has stride 2 where the number of channels changes. ``tau`` in ms, at steps of 1 ms.
    """
    cell = cells(tau)
    first = convolution(inputs, channels[0])
    blocks = residual(ms_block, channels, cell)
    return Sequential(*first, *blocks, cell(), *head(channels[-1], classes), dt=1 * ms, **network)
