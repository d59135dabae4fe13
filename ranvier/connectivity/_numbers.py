"""Checks of the numbers that rules are given."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier.connectivity._connectivity import ConnectivityError

__all__ = ["degrees", "probability", "spread", "whole"]


def probability(value: Any, name: str) -> float:
    """A number from 0 to 1."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not 0 <= number <= 1:
        raise ConnectivityError(f"{name}={value!r} is not a probability; give a number from 0 to 1.")
    return number


def whole(value: Any, name: str, least: int = 0) -> int:
    """A whole number of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ConnectivityError(f"{name}={value!r} must be a whole number of {least} or more.")
    return int(value)


def degrees(value: Any, name: str) -> np.ndarray:
    """One whole number of 0 or more, or one per cell."""
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different length
        array = np.empty((0, 0))
    if array.ndim > 1 or not np.issubdtype(array.dtype, np.integer) or (array < 0).any():
        raise ConnectivityError(f"{name}={value!r} must be a whole number of 0 or more, or one such number per cell.")
    return array.astype(np.int64)


def spread(values: Any, count: int, name: str) -> np.ndarray:
    """The result of a function of ``count`` distances, one number for each."""
    array = np.asarray(values, np.float64)
    if array.shape not in ((), (count,)):
        raise ConnectivityError(
            f"{name} gives the shape {array.shape} for {count} distances; return one number for each."
        )
    return np.broadcast_to(array, (count,))
