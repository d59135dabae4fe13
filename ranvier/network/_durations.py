"""Times as whole steps."""

from __future__ import annotations

from typing import Any

from ranvier.errors import DimensionError
from ranvier.units import UNITS, as_quantity

__all__ = ["steps_in"]


def steps_in(duration: Any, dt: float, what: str) -> int:
    """round(duration/dt), for a time of 0 or more."""
    quantity = as_quantity(duration)
    if quantity.dimension != UNITS["ms"].dimension:
        raise DimensionError(
            f"{what}={duration!r} has dimension {quantity.dimension}; give a time, for example 1*second."
        )
    value = float(quantity.value)
    if not 0 <= value < float("inf"):
        raise DimensionError(f"{what}={duration!r} must be a finite time of 0 or more.")
    return round(value / dt)
