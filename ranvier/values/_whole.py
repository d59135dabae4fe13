"""Checks of plain numbers."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["is_number", "is_positive", "is_whole"]


def is_whole(value: Any, least: int = 1) -> bool:
    """Whether it is a whole number of at least ``least``; True and False are none."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def is_number(value: Any) -> bool:
    """Whether it is a finite number; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_positive(value: Any) -> bool:
    """Whether it is a finite number above 0; True and False are none."""
    return is_number(value) and value > 0
