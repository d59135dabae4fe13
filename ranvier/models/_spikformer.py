"""Spiking self-attention behind a convolutional stem."""

from __future__ import annotations

from typing import Any

from ranvier.blocks import spikformer, spiking_stem
from ranvier.models._registry import register
from ranvier.models._stem import cells, head
from ranvier.network import Sequential
from ranvier.units import ms

__all__ = ["spikformer_mini"]


@register(
    family="Spikformer",
    input=("inputs", 28, 28),
    steps=4,
    papers=("Zhou et al., ICLR 2023", "Zhou et al. 2024 (Spikformer V2)"),
)
def spikformer_mini(
    *, inputs: int = 1, classes: int = 10, channels: int = 32, heads: int = 4, blocks: int = 2, hidden: int = 64, halvings: int = 2,
    shortcut: str = "add", tau: float = 2.0, **network: Any,
) -> Sequential:  # fmt: skip
    """Spiking self-attention: a convolutional stem that halves the image, then blocks of attention and of two layers at each token.

    ``shortcut`` is that of :func:`ranvier.blocks.spikformer`, ``hidden`` the channels between both layers. ``tau`` in ms, at steps of 1 ms.
    """
    cell = cells(tau)
    parts: list[Any] = [*spiking_stem(inputs, channels, halvings=halvings, cell=cell)]
    for _ in range(blocks):
        parts += spikformer(channels, heads, hidden=hidden, shortcut=shortcut, cell=cell)
    end = () if shortcut == "add" else (cell(),)
    return Sequential(*parts, *end, *head(channels, classes), dt=1 * ms, **network)
