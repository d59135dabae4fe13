"""Times as whole steps."""

from __future__ import annotations

from typing import Any

from ranvier.errors import DimensionError
from ranvier.units import UNITS, as_quantity

__all__ = ["steps_in"]


def steps_in(duration: Any, dt: float, what: str) -> int:
    """round(duration/dt), for a time of 0, or of half a step or more."""
    quantity = as_quantity(duration)
    if quantity.dimension != UNITS["ms"].dimension:
        raise DimensionError(
            f"{what}={duration!r} has dimension {quantity.dimension}; give a time, for example 1*second."
        )
    value = float(quantity.value) if quantity.shape == () else float("nan")
    if not 0 <= value < float("inf"):
        raise DimensionError(f"{what}={duration!r} must be one finite time of 0 or more.")
    steps = round(value / dt)
    if value > 0 and steps == 0:
        raise DimensionError(f"{what}={duration!r} is shorter than half a step of {dt:g} ms; give a longer time.")
    return steps
