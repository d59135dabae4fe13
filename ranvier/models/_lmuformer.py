"""LMUFormer: Legendre memories between spikes, for streams."""

from __future__ import annotations

from typing import Any

from ranvier.blocks import causal_conv, lmuformer
from ranvier.connectivity import Linear, ThresholdBatchNorm
from ranvier.models._registry import register
from ranvier.models._stem import cells
from ranvier.network import Sequential
from ranvier.units import ms

__all__ = ["lmuformer_mini"]


@register(
    family="lmuformer", input=("inputs",), steps=48, papers=("Liu et al., ICLR 2024",),
    layout="x [T, B, inputs] to currents [T, B, classes]; their mean over the steps so far decides",
)  # fmt: skip
def lmuformer_mini(
    *, inputs: int = 40, classes: int = 10, width: int = 48, blocks: int = 1, order: int = 6, window: float = 400.0, tau: float = 40.0,
    dt: float = 20.0, **network: Any,
) -> Sequential:  # fmt: skip
    """LMUFormer between spikes, for streams such as spectra of sound: a causal convolution, then blocks of memory and mixer.

    ``window`` and ``tau`` in ms at steps of ``dt`` ms.
    """
    cell, step = cells(tau), dt * ms
    body = [
        part for _ in range(blocks) for part in lmuformer(width, dt=step, order=order, window=window * ms, cell=cell)
    ]
    entry = causal_conv(inputs, width, dt=step), ThresholdBatchNorm(width)
    return Sequential(*entry, *body, cell(), Linear(width, classes), dt=step, **network)
