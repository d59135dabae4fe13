"""Delays from lengths."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier.connectivity.delays import DelayError
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
        Times ``[N, K]``, as ``rv.Linear(…, delay=)`` takes them. Tables of single synapses are [pre, post]: for a rule
        exchange ``pre`` and ``post``, or give ``rv.profiles.Linear`` and positions.

    Raises
    ------
    DelayError
        For places that are not a table of lengths, or a velocity that is not positive.

    >>> places = np.array([[0.0, 0.0], [0.0, 3.0]])*mm
    >>> rv.travel_time(places, places, 0.3*mm/ms)
    [[ 0., 10.], [10.,  0.]] ms
    """
    here, there, speed = as_quantity(pre), as_quantity(post), as_quantity(velocity)
    dimension = here.dimension / speed.dimension
    if here.dimension != there.dimension or dimension != _TIME:
        raise DelayError(
            f"travel_time: places in {here.dimension} and {there.dimension} over {speed.dimension} are not a time; give lengths and a velocity."
        )
    before, behind = (np.asarray(places.value, dtype=float) for places in (here, there))
    if before.ndim != 2 or behind.ndim != 2 or before.shape[1] != behind.shape[1]:
        raise DelayError(
            f"travel_time: places have the shapes {before.shape} and {behind.shape}; give [cells, axes], with as many axes."
        )
    if speed.shape != () or not 0 < float(speed.value) < np.inf:
        raise DelayError(f"travel_time: velocity={velocity!r} must be one positive velocity, for example 0.3*mm/ms.")
    return Quantity(np.linalg.norm(behind[:, None] - before[None], axis=-1) / float(speed.value), dimension)
