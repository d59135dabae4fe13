"""A value that training may change."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier.errors import RanvierError
from ranvier.units import Dimension, Quantity, as_quantity
from ranvier.values._distribution import Distribution
from ranvier.values._flag import flag

__all__ = ["Learn"]


class LearnError(RanvierError, ValueError):
    """The bounds of a learnable value contradict it."""


class Learn:
    """Marks a value as learnable, optionally kept within bounds.

    Parameters
    ----------
    value
        The starting value: a number, a quantity, an array (one per cell) or a distribution.
    min, max
        Bounds in the same unit. Outside them the forward value is the bound, while the gradient still passes, so that a
        value pushed against a bound can come back.
    each
        True gives every cell a value of its own even if they start equal. Learnable weights and delays of single synapses
        always have one each.

    >>> cell = rv.LIF(256, tau=rv.Learn(10*ms, min=1*ms))
    """

    def __init__(self, value: Any, min: Any = None, max: Any = None, *, each: bool = False) -> None:
        self.value, self.each = value, flag(each, "Learn: each")
        self.dimension: Dimension = (
            value.dimension if isinstance(value, Distribution) else self._finite(value).dimension
        )
        self.min, self.max = (self._bound(n, b) for n, b in (("min", min), ("max", max)))
        if self.min is not None and self.max is not None and self.min >= self.max:
            raise LearnError(f"Learn: min={min} is not below max={max}; swap or widen them.")
        if not isinstance(value, Distribution):
            numbers = _array(as_quantity(value))
            below = self.min is not None and (numbers < self.min).any()
            if below or (self.max is not None and (numbers > self.max).any()):
                raise LearnError(
                    f"Learn: the starting value {value} lies outside [{min}, {max}]; move it or the bounds."
                )

    @staticmethod
    def _finite(value: Any) -> Quantity:
        if isinstance(value, str):
            raise LearnError(
                f"Learn: {value!r} is a text and not a number: mark the parameters in it with rv.Learn instead, or give Learn a number, "
                "a quantity, an array or a distribution."
            )
        try:
            quantity = as_quantity(value)
        except (TypeError, ValueError) as error:
            raise LearnError(f"Learn: {value!r} is not a number, a quantity, an array or a distribution.") from error
        if not np.isfinite(_array(quantity)).all():
            raise LearnError(f"Learn: the starting value {value} is not finite; give finite numbers.")
        return quantity

    def _bound(self, name: str, bound: Any) -> float | None:
        if bound is None:
            return None
        quantity = as_quantity(bound)
        if quantity.dimension != self.dimension:
            raise LearnError(
                f"Learn: {name}={bound} has dimension {quantity.dimension}, the value has {self.dimension}; "
                f"give both in one unit."
            )
        if quantity.shape != () or np.isnan(quantity.value):
            raise LearnError(f"Learn: {name}={bound} must be one number for all cells.")
        return float(quantity.value)

    def __repr__(self) -> str:
        return f"Learn({self.value!r}, min={self.min}, max={self.max})"


def _array(quantity: Quantity) -> np.ndarray:
    value = quantity.value
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value, dtype=float)
