"""Population: one value on many cells, each with its own favourite."""

from __future__ import annotations

from typing import Any

import torch

from ranvier.encoding._checks import real, step_count
from ranvier.encoding._latency import latency
from ranvier.errors import RanvierError

__all__ = ["population", "receptive_fields"]

Tensor = torch.Tensor


def receptive_fields(x: Any, cells: int, *, low: float = 0.0, high: float = 1.0, overlap: float = 1.5) -> Tensor:
    """Gaussian receptive fields: a_i = exp(-(x - c_i)² / 2σ²), c equally spaced, σ = spacing/overlap.

    Parameters
    ----------
    x
        [B, …].
    cells
        Fields per value, at least 3.
    low, high
        Range of the values; centres lie at low + (2 i - 3)/2 · (high - low)/(cells - 2), i = 1 … cells, one field
        outside either end.
    overlap
        β; larger is narrower.

    Returns
    -------
    Tensor
        Activations [B, …, cells] from 0 to 1.

    Source: Bohte, La Poutré & Kok, IEEE Transactions on Neural Networks 13, 426 (2002).

    Examples
    --------
    >>> rv.encoding.receptive_fields(torch.tensor([[0.5]]), 5).argmax(-1)
    tensor([[2]])
    """
    value = real(x)
    if not high > low or not overlap > 0:
        raise RanvierError(f"low={low}, high={high}, overlap={overlap}: give low < high and overlap above 0")
    spacing = (high - low) / (step_count(cells, 3) - 2)
    centre = low + (torch.arange(1, cells + 1, device=value.device, dtype=value.dtype) - 1.5) * spacing
    return torch.exp(-0.5 * ((value[..., None] - centre) * (overlap / spacing)) ** 2)


def population(
    x: Any, cells: int, steps: int, *, low: float = 0.0, high: float = 1.0, overlap: float = 1.5, cutoff: float = 0.1
) -> Tensor:
    """The activations of :func:`receptive_fields` as latencies: strong ones early, those up to ``cutoff`` never.

    Returns
    -------
    Tensor
        [T, B, …, cells] of 0 and 1.

    Source: Bohte, La Poutré & Kok, IEEE Transactions on Neural Networks 13, 426 (2002).

    Examples
    --------
    >>> rv.encoding.population(torch.rand(32, 4), 8, 10).shape
    torch.Size([10, 32, 4, 8])
    """
    return latency(receptive_fields(x, cells, low=low, high=high, overlap=overlap), steps, threshold=cutoff)
