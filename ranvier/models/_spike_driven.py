"""Transformers of masks and additions."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

from ranvier.blocks import spike_convolutions, spike_driven
from ranvier.models._registry import register
from ranvier.models._stem import cells, convolution, head
from ranvier.network import Sequential
from ranvier.neurons import LIF
from ranvier.units import ms

__all__ = ["meta_spikeformer_mini", "qkformer_mini"]


@register(family="spike-driven transformer", input=("inputs", 28, 28), steps=4, papers=("Yao et al., ICLR 2024",))
def meta_spikeformer_mini(
    *, inputs: int = 1, classes: int = 10, channels: tuple[int, ...] = (24, 48, 64), heads: int = 4, kind: str = "linear",
    V_mask: float = 1.0, tau: float = 2.0, **network: Any,
) -> Sequential:  # fmt: skip
    """A spike-driven transformer: convolutional blocks at full and half size, then a block of attention, with membrane shortcuts.

    ``kind`` is that of :func:`ranvier.blocks.spike_attention`, and ``V_mask`` the threshold of its cells. ``channels`` are those of the stages, each half
    as large as the one before. ``tau`` in ms, at steps of 1 ms.
    """
    cell = cells(tau)
    parts: list[Any] = []
    for k, (given, made) in enumerate(pairwise((inputs, *channels))):
        parts += [*([cell()] * (k > 0)), *convolution(given, made, stride=2)]
        if k + 1 < len(channels):
            parts += spike_convolutions(made, size=3, hidden=made, cell=cell)
    mask = partial(LIF, tau=tau * ms, V_th=V_mask)
    parts += spike_driven(channels[-1], heads, kind=kind, hidden=2 * channels[-1], cell=cell, mask=mask)
    return Sequential(*parts, cell(), *head(channels[-1], classes), dt=1 * ms, **network)


@register(family="QKFormer", input=("inputs", 28, 28), steps=4, papers=("Zhou et al., NeurIPS 2024",))
def qkformer_mini(
    *, inputs: int = 1, classes: int = 10, channels: tuple[int, ...] = (24, 48), heads: int = 4, shortcut: str = "membrane",
    V_mask: float = 1.0, tau: float = 2.0, **network: Any,
) -> Sequential:  # fmt: skip
    """QKFormer: token attention by masks on large maps, then spiking self-attention on smaller ones.

    ``channels`` are those of the stages, each half as large as the one before; the last stage has self-attention. ``shortcut`` is that of
    :func:`ranvier.blocks.spike_driven`, and ``V_mask`` the threshold of its cells. ``tau`` in ms, at steps of 1 ms.
    """
    cell = cells(tau)
    mask = partial(LIF, tau=tau * ms, V_th=V_mask)
    spikes = shortcut == "add"
    parts: list[Any] = []
    for k, (given, made) in enumerate(pairwise((inputs, *channels))):
        parts += [*([cell()] * (k > 0 and not spikes)), *convolution(given, made, stride=2), *([cell()] * spikes)]
        kind = "token" if k + 1 < len(channels) else "linear"
        parts += spike_driven(made, heads, kind=kind, hidden=2 * made, shortcut=shortcut, cell=cell, mask=mask)
    end = () if spikes else (cell(),)
    return Sequential(*parts, *end, *head(channels[-1], classes), dt=1 * ms, **network)
