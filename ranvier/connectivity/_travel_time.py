"""Delays from lengths."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier.connectivity._delays import DelayError
from ranvier.units import UNITS, Quantity, as_quantity

__all__ = ["travel_time"]

_TIME = UNITS["ms"].dimension


def travel_time(pre: Any, post: Any, velocity: Any) -> Quantity:
    """Delay of every synapse from its length: ``|post_n - pre_k| / velocity``.

    Parameters
    ----------
    pre, post
        Places ``[K, dimensions]`` and ``[N, dimensions]``, lengths.
    velocity
        For example ``0.3*mm/ms``.

    Returns
    -------
        Times ``[N, K]``, as ``delay=`` takes them.
    """
    here, there, speed = as_quantity(pre), as_quantity(post), as_quantity(velocity)
    gaps = np.asarray(there.value, dtype=float)[:, None] - np.asarray(here.value, dtype=float)[None]
    time = Quantity(np.linalg.norm(gaps, axis=-1) / float(speed.value), here.dimension / speed.dimension)
    if here.dimension != there.dimension or time.dimension != _TIME:
        raise DelayError(
            f"travel_time: places in {here.dimension} and {there.dimension} over {speed.dimension} are no time; give lengths and a velocity."
        )
    return time
