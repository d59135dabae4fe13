"""A quick look at the numbers of a tensor."""

from __future__ import annotations

import math

import numpy as np
import torch

__all__ = ["all_finite", "numbers_of", "sum_of_squares"]

#: NumPy hands longer products to threads of its own
_FEW = 1 << 13


def numbers_of(value: torch.Tensor) -> np.ndarray | None:
    """The numbers of a tensor, for a check; None under a function transform of torch."""
    try:
        bare = value.detach() if value.requires_grad else value
        return bare.numpy() if value.is_cpu else bare.cpu().numpy()
    except (RuntimeError, TypeError):
        return None


def sum_of_squares(values: np.ndarray) -> float:
    """It is finite only where every number is, and above the square of each; infinite for many values."""
    return float(np.vdot(values, values)) if values.size <= _FEW else math.inf  # the product that warns of nothing


def all_finite(values: np.ndarray) -> bool:
    """Whether no number is NaN or infinite."""
    return np.count_nonzero(np.isfinite(values)) == values.size
