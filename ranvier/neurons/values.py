"""Values of a cell's parameters and variables, checked before any equation sees them."""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np

from ranvier.errors import DimensionError, EquationError
from ranvier.units import UNITS, Dimension, as_quantity
from ranvier.values import Distribution, Learn, Uniform

__all__ = [
    "check_above_zero",
    "check_drawn",
    "check_text",
    "check_values",
    "dimension_of",
    "has_one_each",
    "least",
    "merge_values",
    "positive_among",
    "shape_of",
]

_TIME = UNITS["ms"].dimension
#: what equations divide by is above 0 if it is a time, a capacitance, an area or a capacitance per area
_POSITIVE = (
    _TIME,
    UNITS["nF"].dimension,
    UNITS["mm"].dimension ** 2,
    UNITS["nF"].dimension / UNITS["mm"].dimension ** 2,
)


def positive_among(values: Mapping[str, Any], divisors: Collection[str]) -> frozenset[str]:
    """The values that must be above 0: time constants, capacitances and areas, by which the equations divide."""
    return frozenset(n for n in values if n in divisors and dimension_of(n, values[n]) in _POSITIVE)


def check_values(values: Mapping[str, Any], positive: Collection[str] = ()) -> dict[str, Dimension]:
    """The dimension of every value; what cannot be one, or cannot be so small, raises.

    Values called ``positive`` must be above 0 (:func:`positive_among`).
    """
    dimensions = {name: dimension_of(name, value) for name, value in values.items()}
    if dimensions.get("refractory", _TIME) != _TIME:
        raise DimensionError(
            f"refractory={values['refractory']!r} has dimension {dimensions['refractory']}: "
            f"give a time, for example 2*ms."
        )
    for name, value in values.items():
        low = least(value)
        if low is None:
            continue
        trouble = _trouble(name, low, positive)
        if trouble:
            raise EquationError(f"{name}={value!r}: {trouble}.", line=name)
    return dimensions


def check_drawn(name: str, value: Any, drawn: Any, owner: str, positive: Collection[str]) -> None:
    """That nothing was drawn from the distribution ``value`` that a value called ``name`` cannot be; see :func:`check_values`."""
    if not isinstance(value, Distribution) or not (numbers := _array(drawn)).size:
        return
    trouble = _trouble(name, float(numbers.min()), positive)
    if trouble:
        k = int(numbers.argmin())
        raise EquationError(
            f"{owner}.{name}={value!r} draws {numbers.flat[k]:g} for number {k}: {trouble}, or bound what is drawn, for "
            "example rv.Normal(…, low=…).",
            line=name,
        )


def _trouble(name: str, low: float, positive: Collection[str]) -> str | None:
    """What is wrong with so small a value of this name."""
    if name in positive and low <= 0:
        return "the equations divide by it, and a time constant, capacitance or area must be positive; give a value above 0"
    if name == "refractory" and low < 0:
        return "a refractory period cannot be negative; give 0*ms or more"
    return None


def check_text(line: str, **texts: Any) -> None:
    """That what should be code is text."""
    for name, text in texts.items():
        if not isinstance(text, str):
            raise EquationError(f"{name}={text!r} is not text: give it as a string, for example 'v > V_th'.", line=line)


def dimension_of(name: str, value: Any) -> Dimension:
    """The dimension of a number, quantity, array, distribution or learnable value."""
    if isinstance(value, Distribution | Learn):
        return value.dimension
    if isinstance(value, str):
        raise EquationError(
            f"{name}={value!r} is not a value: a text gives the initial value of a variable of a cell, and {name!r} is none: give a "
            "number, a quantity, an array such as np.arange(N)*nA, or a distribution such as rv.Uniform(a, b).",
            line=name,
        )
    try:
        quantity = as_quantity(value)
    except (TypeError, ValueError) as error:
        raise EquationError(
            f"{name}={value!r} is not a value: give a number, a quantity, an array, a distribution or Learn(…); a variable of a cell also takes one text for all cells, such as 'i*mV'.",
            line=name,
        ) from error
    if not np.isfinite(_array(quantity.value)).all():
        raise EquationError(
            f"{name}={value!r} is not finite: every value of a cell must be a finite number.", line=name
        )
    return quantity.dimension


def has_one_each(value: Any) -> bool:
    """Whether a value is drawn or given for each cell."""
    inner = value.value if isinstance(value, Learn) else value
    if isinstance(inner, Distribution) or (isinstance(value, Learn) and value.each):
        return True
    return _array(as_quantity(inner).value).ndim > 0


def shape_of(size: Any, name: str) -> tuple[int, ...] | None:
    """``size`` as a shape of positive whole numbers, or None where the population decides."""
    if size is None:
        return None
    try:
        shape = tuple(map(operator.index, size)) if isinstance(size, tuple | list) else (operator.index(size),)
    except TypeError:
        shape = ()
    if isinstance(size, bool) or not shape or min(shape) <= 0:
        raise EquationError(
            f"size={size!r}: a population has at least one cell; give a positive whole number, or a shape of them.",
            line=name,
        )
    return shape


def _array(value: Any) -> np.ndarray:
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value, dtype=float)


def least(value: Any) -> float | None:
    """The smallest number a value can be; None where only a draw can tell."""
    if isinstance(value, Learn):
        low = least(value.value)
        bounds = [b for b in (low, value.min) if b is not None]
        return min(bounds) if bounds else None
    if isinstance(value, Uniform):
        return value.low if value.low != 0 else None
    if isinstance(value, Distribution):
        return None
    numbers = _array(as_quantity(value).value)
    return float(numbers.min()) if numbers.size else None


def check_above_zero(owner: str, **values: Any) -> None:
    """Refuse values that are not above 0, of a cell or function called ``owner``."""
    for name, value in values.items():
        low = least(value)
        if low is not None and low <= 0:
            raise EquationError(f"{owner}: {name}={value!r} must be above 0.", line=name)


def merge_values(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Both sets of values; a name in both is a clash."""
    clash: Iterable[str] = sorted(first.keys() & second.keys())
    for name in clash:
        raise EquationError(
            f"both sides of + define {name!r}: rename it in one of them (rules of plasticity may share equal values).",
            line=name,
        )
    return {**first, **second}
