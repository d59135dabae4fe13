"""A surrogate is one line: the derivative a threshold crossing pretends to have, in u = (level - threshold)/width."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Any

import sympy as sp

from ranvier.dynamics import Reader, check_name, parse_expression
from ranvier.errors import RanvierError
from ranvier.units import UNITS, as_quantity

__all__ = ["Surrogate"]

_NONE = UNITS["1"].dimension


class SurrogateError(RanvierError, ValueError):
    """A surrogate's shape parameter cannot be used."""


class Surrogate:
    """The derivative at the threshold, as an expression in ``u`` and shape parameters.

    Parameters
    ----------
    expression
        For example ``"1/(1 + (pi*u)**2)"``; the equation language's functions are allowed.
    width
        The unit of u: the distance from the threshold divided by ``width`` (in the unit of the compared values; a plain
        number means base units, mV for a voltage). The derivative is divided by it too.
    **shape
        Plain numbers named in the expression.

    >>> surrogate = rv.surrogates.Surrogate("exp(-u**2)")
    """

    def __init__(self, expression: str, width: Any = 1.0, **shape: float) -> None:
        self.expression = expression
        self.width = float(as_quantity(width).value)
        self.shape = {name: float(value) for name, value in shape.items()}
        for name, value in {"width": self.width, **self.shape}.items():
            if not math.isfinite(value) or value <= 0:
                raise SurrogateError(f"surrogate {expression!r}: {name}={value} must be a positive finite number.")
        for name in self.shape:
            if name == "u":
                raise SurrogateError(
                    f"surrogate {expression!r}: 'u' is the distance from the threshold; rename the shape."
                )
            check_name(name, f"{name}=…")
        self.slope: sp.Expr = _slope(expression, tuple(self.shape))

    @property
    def values(self) -> Mapping[str, float]:
        """The shape parameters under the names the compiled slope uses."""
        return {"surrogate_width": self.width, **{f"surrogate_{n}": v for n, v in self.shape.items()}}

    @cached_property
    def support(self) -> float | None:
        """How far from the threshold, in u, the derivative as computed is not yet zero; None where it nowhere ends.

        Cells farther away pass no gradient to their spikes, and a circuit's backward pass does not ask for one.
        """
        if not self._is_zero(64.0):
            return None
        low, high = 0.0, 64.0
        for _ in range(50):
            middle = (low + high) / 2
            low, high = (low, middle) if self._is_zero(middle) else (middle, high)
        return high

    def _is_zero(self, u: float) -> bool:
        """Whether the derivative is zero on both sides at distance ``u``."""
        known = {sp.Symbol(n): sp.Float(v) for n, v in self.values.items()}
        sides = (known | {sp.Symbol("u"): sp.Float(side * u * self.width)} for side in (-1, 1))
        return all(self.slope.xreplace(values).evalf() == 0 for values in sides)

    def __repr__(self) -> str:
        shape = "".join(f", {n}={v:g}" for n, v in self.shape.items())
        return f"Surrogate({self.expression!r}, width={self.width:g}{shape})"


@lru_cache(maxsize=64)
def _slope(expression: str, shape: tuple[str, ...]) -> sp.Expr:
    """The derivative as written, with the names under which a step holds its parameters, divided by the width."""
    tree = parse_expression(expression)
    slope = Reader({"u": _NONE, **dict.fromkeys(shape, _NONE)}).read_as(tree, _NONE, expression, "the derivative")
    unused = sorted(set(shape) - {str(s) for s in slope.free_symbols})
    if unused:
        raise SurrogateError(f"surrogate {expression!r} does not use {unused[0]!r}: remove it or correct its name.")
    width = sp.Symbol("surrogate_width")
    rename = {sp.Symbol(n): sp.Symbol(f"surrogate_{n}") for n in shape} | {sp.Symbol("u"): sp.Symbol("u") / width}
    return slope.xreplace(rename) / width
