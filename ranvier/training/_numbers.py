"""What arguments that count, and arguments that are times, must be."""

from __future__ import annotations

import math
from typing import Any

from ranvier.errors import TrainingError
from ranvier.units import Dimension, as_quantity, ms

__all__ = ["is_whole", "milliseconds"]


def is_whole(value: Any, least: int = 1) -> bool:
    """Whether it is a whole number of at least ``least``; True and False are none."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def milliseconds(value: Any, who: str, name: str) -> float:
    """A positive time in ms; a plain number is one in ms.

    Raises
    ------
    TrainingError
        For anything else, naming the argument.
    """
    quantity = as_quantity(value)
    time = quantity.shape == () and quantity.dimension in (Dimension(), ms.dimension)
    if not time or not 0 < float(quantity.value) < math.inf:
        raise TrainingError(f"{who}: {name}={value!r} must be a positive time, for example 5*ms.")
    return float(quantity.value)
