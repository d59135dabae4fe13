"""The scale of a value, for steps of a fitting size."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["scale_of"]


def scale_of(values: Any, low: float | None = None, high: float | None = None) -> float:
    """The root mean square of ``values``, or the distance of its bounds where that is less; 1 where neither is known.

    >>> scale_of(np.full(3, -50.0), -52, -48)
    4.0
    """
    numbers = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values, np.float64)
    size = float(np.sqrt(np.mean(np.square(numbers)))) if numbers.size else 0.0
    room = math.inf if low is None or high is None else float(high) - float(low)
    known = [x for x in (size, room) if 0 < x < math.inf]
    return min(known) if known else 1.0
