"""Spiking language models: RWKV with binary spikes in front of every matrix."""

from __future__ import annotations

from typing import Any

from torch import nn

from ranvier.blocks import rwkv
from ranvier.connectivity import Linear, ThresholdBatchNorm
from ranvier.models._registry import register
from ranvier.models._stem import cells
from ranvier.network import Sequential
from ranvier.units import ms

__all__ = ["spikegpt_mini"]


@register(
    family="spikegpt",
    input=("characters",),
    steps=64,
    papers=("Zhu et al., TMLR 2024 (SpikeGPT)", "Peng et al., EMNLP Findings 2023 (RWKV)"),
    layout="one character a step as a spike, rv.encoding.tokens [T, B, characters], to the logits of the next one [T, B, characters]",
)
def spikegpt_mini(
    *, characters: int = 96, channels: int = 64, hidden: int = 128, blocks: int = 2, tau: float = 0.5, spikes: bool = True,
    **network: Any,
) -> Sequential:  # fmt: skip
    """A spiking RWKV that predicts the next character (`rv.blocks.rwkv`).

    ``tau`` in ms, at steps of 1 ms. Without ``spikes`` it is the ordinary RWKV of the same matrices, with layer norms.
    """
    cell, norm = (cells(tau), ThresholdBatchNorm) if spikes else (None, nn.LayerNorm)
    body = [part for _ in range(blocks) for part in rwkv(channels, hidden, cell=cell, norm=norm)]
    end = [norm(channels)] if cell is None else [norm(channels), cell()]
    return Sequential(Linear(characters, channels), *body, *end, Linear(channels, characters), dt=1 * ms, **network)
