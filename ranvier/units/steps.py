"""Times as whole steps: the only place that converts a time to steps.

A time such as ``700*us`` or ``3*0.1*ms`` is a float64 next to the number that was meant, and so is its quotient with a step.
Where such a quotient differs by rounding alone from a whole number of steps, or from a half, it is that number. A step such as
0.1 ms is read as the simplest fraction next to it, 1/10, so that step n begins at the float64 nearest to n/10.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from ranvier._warn import warn
from ranvier.errors import DimensionError
from ranvier.units._catalogue import UNITS
from ranvier.units._edge import as_quantity

__all__ = [
    "ROUNDING",
    "as_quotient",
    "fraction_of",
    "nearest_steps",
    "same_time",
    "steps_before",
    "steps_in",
    "times_at",
    "whole_steps",
]

#: what some products and quotients of float64 lose, relative to their value
ROUNDING = 2.0**-46
#: steps by which a time may miss a whole step with a warning: the rounding of float32, or of a few printed digits
_SLIGHT = 1e-3
_SIMPLE = 1_000_000
#: whole numbers stay below, so that they and their products with a few more fit int64
_LARGEST = 1 << 62
#: more steps cannot be counted in float64
_COUNTED = 1 << 53


def steps_in(time: Any, dt: float) -> np.ndarray:
    """time/dt as float64; a whole number of steps, or a half, exactly where only rounding separates both.

    >>> steps_in([0.3, 0.35], 0.1)
    array([3. , 3.5])
    """
    doubled = 2 * np.asarray(time, dtype=np.float64) / dt
    near = np.rint(doubled)
    exact = np.abs(doubled - near) <= np.minimum(ROUNDING * np.abs(near), _SLIGHT)
    return np.where(exact, near, doubled) / 2


def nearest_steps(time: Any, dt: float) -> np.ndarray:
    """round(time/dt) as float64, halves to even.

    >>> nearest_steps([0.25, 0.35, 0.36], 0.1)
    array([2., 4., 4.])
    """
    quotient = np.asarray(time, dtype=np.float64) / dt
    near = np.rint(quotient)
    apart = np.abs(quotient - near)
    # most often no quotient is next to a half, and rounding it needs no second look
    return near if float(np.max(apart, initial=0.0)) < 0.5 - _SLIGHT else np.rint(steps_in(time, dt))


def whole_steps(time: Any, dt: float, what: str, least: int = 0) -> int:
    """A time that is a whole number of steps of ``dt`` ms; a warning tells where rounding was needed.

    Raises
    ------
    DimensionError
        Where ``time`` is not a finite time of 0 or more, lies between two steps, or is less than ``least`` steps.
    """
    quantity = as_quantity(time)
    if quantity.dimension != UNITS["ms"].dimension:
        raise DimensionError(f"{what}={time!r} has dimension {quantity.dimension}; give a time, for example 1*second.")
    value = float(quantity.value) if quantity.shape == () else math.nan
    if not 0 <= value < math.inf:
        raise DimensionError(f"{what}={time!r} must be one finite time of 0 or more.")
    if not value < _COUNTED * dt:
        raise DimensionError(f"{what}={time!r} is more than 2^53 steps of {dt:g} ms: give a shorter time.")
    exact = _exact(value, dt)
    steps = round(exact)
    if steps < least or 0 < value < (0.5 - _SLIGHT) * dt:
        raise DimensionError(f"{what}={time!r} is shorter than one step of {dt:g} ms: give {dt:g}*ms or more.")
    if abs(exact - steps) > _SLIGHT:
        below, above = (float(times_at(n, dt)) for n in (math.floor(exact), math.ceil(exact)))
        raise DimensionError(
            f"{what}={time!r} is not a whole number of steps of {dt:g} ms: give {below:.15g}*ms or {above:.15g}*ms."
        )
    if exact != steps:
        warn(f"{what}={time!r} is taken as {float(times_at(steps, dt)):.15g} ms, {steps} whole steps of {dt:g} ms.")
    return steps


@lru_cache(maxsize=256)
def _exact(time: float, dt: float) -> float:
    """:func:`steps_in` of one number, which short runs ask for again and again."""
    return float(steps_in(time, dt))


def steps_before(time: np.ndarray, step: Fraction) -> np.ndarray:
    """floor(time/step) of whole numbers, as int64; at most 2^62.

    >>> steps_before(np.array([1399, 1400]), Fraction(700))
    array([1, 2])
    """
    largest = int(np.abs(time).max(initial=0))
    if largest * step.denominator < _LARGEST and step.numerator < _LARGEST:
        return time.astype(np.int64) * step.denominator // step.numerator
    return np.minimum(np.floor(steps_in(time, float(step))), _LARGEST).astype(np.int64)


def times_at(step: Any, dt: float) -> np.ndarray:
    """The time in ms at which each step begins: the float64 nearest to step*dt, with dt as a simple fraction.

    >>> times_at([3, 21], 0.1)
    array([0.3, 2.1])
    """
    over, under = as_quotient(dt)
    return np.asarray(step, dtype=np.float64) * over / under


def as_quotient(dt: float) -> tuple[float, float]:
    """dt as a quotient of whole numbers, where they are small; else dt over 1.

    >>> as_quotient(0.1)
    (1.0, 10.0)
    """
    size = fraction_of(dt)
    return (dt, 1.0) if size.denominator > _SIMPLE else (float(size.numerator), float(size.denominator))


@lru_cache(maxsize=64)
def fraction_of(value: float) -> Fraction:
    """The simplest fraction that differs from ``value`` by rounding alone; else ``value`` itself.

    >>> fraction_of(0.1), fraction_of(700.0000000000001)
    (Fraction(1, 10), Fraction(700, 1))
    """
    exact = Fraction(value)
    simple = exact.limit_denominator(_SIMPLE)
    return simple if abs(simple - exact) <= Fraction(ROUNDING) * abs(exact) else exact


def same_time(one: float, other: float) -> bool:
    """Whether two times differ by rounding alone."""
    return abs(one - other) <= ROUNDING * max(abs(one), abs(other))
