"""Generated samples: numbers between two bounds, and sets to learn from, to choose by and to report."""

from __future__ import annotations

from typing import TypeVar

import torch

__all__ = ["divided", "uniform"]

Tensor = torch.Tensor
Samples = TypeVar("Samples", bound=tuple[Tensor, ...])


def uniform(generator: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    """Numbers from ``low`` to ``high``, all equally likely."""
    return low + (high - low) * torch.rand(*shape, generator=generator)


def divided(learn: int, samples: Samples, axis: int = 0) -> tuple[Samples, Samples, Samples]:
    """Samples along an axis of each tensor: ``learn`` to learn from, half as many to choose by, as many to report."""
    sizes = (learn, learn // 2, learn)
    return tuple(zip(*(x.split(sizes, axis) for x in samples), strict=True))  # pyright: ignore[reportReturnType]
