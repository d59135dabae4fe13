"""Residual networks that join spikes."""

from __future__ import annotations

from functools import partial
from typing import Any

from ranvier.blocks import sew
from ranvier.models._registry import register
from ranvier.models._stem import cells, convolution, head, residual
from ranvier.network import Sequential
from ranvier.units import ms

__all__ = ["sew_mini"]


@register(family="sew", input=("inputs", 28, 28), steps=4, papers=("Fang et al., NeurIPS 2021",))
def sew_mini(
    *, inputs: int = 1, classes: int = 10, channels: tuple[int, ...] = (16, 16, 32), join: str = "add", tau: float = 2.0,
    **network: Any,
) -> Sequential:  # fmt: skip
    """A residual network that joins spikes: a stem of channels[0], then a block for each further entry.

    A block has stride 2 where the number of channels changes. ``join`` is that of ``rv.blocks.sew``, ``tau`` in ms at steps of 1 ms.
    """
    cell = cells(tau)
    blocks = residual(partial(sew, join=join), channels, cell)
    first = convolution(inputs, channels[0])
    return Sequential(*first, cell(), *blocks, *head(channels[-1], classes), dt=1 * ms, **network)
