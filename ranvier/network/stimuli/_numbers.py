"""Numbers and times that a user gives to a stimulus."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from ranvier.errors import DimensionError, ShapeError
from ranvier.units import UNITS, as_quantity

__all__ = ["NEVER", "milliseconds", "numbers_in", "positive_time", "whole_numbers"]

_NONE, _TIME = UNITS["1"].dimension, UNITS["ms"].dimension
#: a step beyond any run that still fits an int64
NEVER = 1 << 62


def numbers_in(value: Any) -> np.ndarray:
    """An array, or a tensor without its gradient, for NumPy."""
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)


def milliseconds(times: Any, what: str) -> np.ndarray:
    """Times with their unit, or numbers of ms."""
    quantity = as_quantity(times)
    array = numbers_in(quantity.value).astype(np.float64)
    if quantity.dimension not in (_TIME, _NONE):
        raise DimensionError(
            f"SpikeTrains: {what} has dimension {quantity.dimension}; give times such as [1, 2]*ms, or numbers of ms."
        )
    return array


def whole_numbers(values: np.ndarray, what: str) -> np.ndarray:
    """Indices as int64; an empty list may have any type."""
    whole = np.issubdtype(values.dtype, np.integer) or (
        values.dtype.kind == "f" and (np.abs(values) <= NEVER).all() and (values == np.rint(values)).all()
    )
    if values.size and not whole:
        raise ShapeError(f"SpikeTrains: {what} must hold whole numbers of at most 2^62, got {values.dtype}.")
    return values.astype(np.int64)


def positive_time(value: Any, what: str) -> float:
    """One time in ms."""
    quantity = as_quantity(value)
    if quantity.dimension != _TIME or not (quantity.shape == () and 0 < float(quantity.value) < math.inf):
        raise DimensionError(f"{what}={value!r} must be a positive finite time, for example 1*ms.")
    return float(quantity.value)
