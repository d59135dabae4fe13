"""Numbers of cells and the like."""

from __future__ import annotations

import operator
from typing import Any

from ranvier.errors import ShapeError

__all__ = ["count_of"]


def count_of(value: Any, what: str) -> int:
    """A positive whole number."""
    try:
        count = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        count = 0
    if count < 1:
        raise ShapeError(f"{what}={value!r} must be a positive whole number.")
    return count
