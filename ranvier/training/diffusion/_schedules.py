"""How much of the sample is left after each step of noise."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

__all__ = ["SCHEDULES", "kept"]

Tensor = torch.Tensor
_LARGEST = 0.999


def kept(schedule: str, steps: int) -> Tensor:
    """a [steps] in float64: the product of 1 - beta up to every step, beta at most 0.999."""
    return torch.cumprod(1 - SCHEDULES[schedule](steps).clamp(max=_LARGEST), 0)


def _linear(steps: int) -> Tensor:
    """Beta from 1e-4 to 0.02 at 1,000 steps, and larger by the ratio where there are fewer."""
    return torch.linspace(1e-4, 0.02, steps, dtype=torch.float64) * (1000 / steps)


def _cosine(steps: int) -> Tensor:
    """Beta that makes a[t] = cos((u + 0.008)/1.008*pi/2)**2, relative to u = 0, at u = (t + 1)/steps."""
    u = torch.arange(steps + 1, dtype=torch.float64) / steps
    level = torch.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2
    return 1 - level[1:] / level[:-1]


SCHEDULES: dict[str, Callable[[int], Tensor]] = {"cosine": _cosine, "linear": _linear}
