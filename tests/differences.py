"""Derivatives by finite differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

__all__ = ["slope"]


def slope(loss: Callable[[], torch.Tensor], at: torch.Tensor, place: Any, step: float = 1e-6) -> float:
    """The central difference of a loss by one number of a tensor that it reads, which keeps its value."""
    kept, ends = at[place].detach().clone(), []
    with torch.no_grad():
        for moved in (kept + step, kept - step):
            at[place] = moved
            ends.append(float(loss()))
        at[place] = kept
    return (ends[0] - ends[1]) / (2 * step)
