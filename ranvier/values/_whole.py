"""Whole numbers."""

from __future__ import annotations

from typing import Any

__all__ = ["is_whole"]


def is_whole(value: Any, least: int = 1) -> bool:
    """Whether it is a whole number of at least ``least``; True and False are none."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
