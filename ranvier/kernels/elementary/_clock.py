"""Differences, whole numbers and angles of a growing time that do not depend on its rounding."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ranvier.units.steps import ROUNDING

if TYPE_CHECKING:
    from ranvier.kernels.elementary._words import Value, Words

__all__ = ["angle", "between", "settled"]


def between(k: Words, a: Value, b: Value) -> Value:
    """a - b, and 0 where rounding alone separates both."""
    apart, size = k.sub(a, b), k.maximum(k.absolute(a), k.absolute(b))
    return k.select(k.le(k.absolute(apart), k.mul(size, k.constant(ROUNDING))), k.constant(0.0), apart)


def settled(k: Words, x: Value) -> Value:
    """x, or the whole number that rounding alone separates from it."""
    near = k.round(x)
    rounded = k.le(k.absolute(k.sub(x, near)), k.mul(k.absolute(near), k.constant(ROUNDING)))
    return k.select(rounded, near, x)


def angle(k: Words, x: Value) -> Value:
    """x less a multiple of 2 pi, from -pi to pi."""
    turns = k.round(k.mul(x, k.constant(1 / (2 * math.pi))))
    return k.fma(turns, k.constant(-2 * math.pi), x)
