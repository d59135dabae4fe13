"""What both detectors ask of their parameters, and which of their weights pruning keeps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ranvier.errors import RanvierError
from ranvier.values import is_whole

__all__ = ["check_positive", "check_share", "check_whole", "largest"]


def check_whole(detector: Any, **least: int) -> None:
    """Raise where a parameter is no whole number of at least what is given for it."""
    for name, low in least.items():
        value = getattr(detector, name)
        if not is_whole(value, low):
            raise RanvierError(f"{name}={value!r}; give a whole number of at least {low}.")


def check_positive(detector: Any, name: str) -> None:
    """Raise where a parameter is not finite and above 0."""
    value = getattr(detector, name)
    if not 0 < value < math.inf:
        raise RanvierError(f"{name}={value!r}; give a finite number above 0.")


def check_share(detector: Any, name: str) -> None:
    """Raise where a parameter is no share of the data that leaves some."""
    value = getattr(detector, name)
    if not 0 <= value < 1:
        raise RanvierError(f"{name}={value!r}; give a share from 0 to below 1.")


def largest(kernel: np.ndarray, there: np.ndarray, share: float) -> np.ndarray:
    """The weights that stay, where ``share`` of those ``there`` is removed: the largest ones, at least one.

    Raises
    ------
    RanvierError
        Where the share is not below 1.
    """
    if not 0 <= share < 1:
        raise RanvierError(f"prune: share={share!r}; give the share to remove, from 0 to below 1.")
    size = np.where(there, np.abs(kernel), -1.0).ravel()
    left = max(1, round((1 - share) * int(there.sum())))
    kept = np.zeros(size.shape, bool)
    kept[np.argpartition(size, -left)[-left:]] = True
    return kept.reshape(kernel.shape)
