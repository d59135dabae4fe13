"""What NumPy's element-wise functions mean for quantities."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ranvier.errors import DimensionError
from ranvier.units._dimension import Dimension

__all__ = ["apply_ufunc"]

# By name: importing the operators keeps one definition of each rule, in Quantity itself.
_OPERATORS: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "power": operator.pow,
    "float_power": operator.pow,
    "negative": operator.neg,
    "positive": operator.pos,
    "absolute": operator.abs,
    "equal": operator.eq,
    "not_equal": operator.ne,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
}
_POWERS = {"sqrt": 0.5, "square": 2, "cbrt": 1 / 3, "reciprocal": -1}
_SAME = {"maximum", "minimum", "fmax", "fmin", "hypot"}
_VALUE_ONLY = {"isfinite", "isnan", "isinf", "sign", "signbit"}


def apply_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Evaluate ``ufunc`` on quantities, keeping dimensions right.

    Raises
    ------
    DimensionError
        When the function is defined for plain numbers only, as ``np.exp`` is.
    TypeError
        For ``out=`` and for reductions, which quantities do not support.
    """
    from ranvier.units._quantity import Quantity, split

    if method != "__call__" or options:
        raise TypeError(f"np.{ufunc.__name__} with {method} or options takes no quantity; pass q.to(unit) instead")
    name = ufunc.__name__
    if name in _OPERATORS:
        # Wrapping the first operand keeps NumPy from calling back here.
        first, *rest = inputs
        first = first if isinstance(first, Quantity) else Quantity(first)
        return _OPERATORS[name](first, *rest)
    values, dimensions = zip(*(split(value) for value in inputs), strict=True)
    if name in _POWERS:
        return Quantity(ufunc(*values), dimensions[0] ** _POWERS[name])
    if name in _SAME and len(set(dimensions)) == 1:
        return Quantity(ufunc(*values), dimensions[0])
    if name in _VALUE_ONLY:
        return ufunc(*values)
    if all(dimension.is_none for dimension in dimensions):
        return ufunc(*values)
    raise DimensionError(f"np.{name} {_reason(name, dimensions)}; divide by a unit first, for example q/mV")


def _reason(name: str, dimensions: tuple[Dimension, ...]) -> str:
    shown = " and ".join(str(dimension) for dimension in dimensions)
    return f"needs equal dimensions, not {shown}" if name in _SAME else f"takes plain numbers, not {shown}"
