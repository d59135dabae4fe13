"""Yes or no."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier.errors import RanvierError

__all__ = ["FlagError", "flag"]


class FlagError(RanvierError, TypeError):
    """Something that is neither True nor False stands where one of them is needed."""


def flag(value: Any, name: str) -> bool:
    """``value``, which must be True or False: words such as "no" would count as True."""
    if not isinstance(value, bool | np.bool_):
        raise FlagError(f"{name}={value!r} is neither True nor False; give one of them.")
    return bool(value)
