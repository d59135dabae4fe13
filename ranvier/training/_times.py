"""Arguments that are times."""

from __future__ import annotations

import math
from typing import Any

from ranvier.errors import TrainingError
from ranvier.units import Dimension, as_quantity, ms

__all__ = ["milliseconds"]


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
