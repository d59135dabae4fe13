"""The five-byte events of N-MNIST and N-Caltech101 (Orchard et al., Frontiers in Neuroscience 9, 437, 2015)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ranvier.data._events import Events
from ranvier.data.formats.camera import Size, camera_events, damaged
from ranvier.limits import content

__all__ = ["read_nmnist"]

#: a row outside the sensor: it adds 2^13 µs to all later events
_OVERFLOW, _TURN = 240, 1 << 13


def read_nmnist(path: Path, size: Size) -> Events:
    """x, y, then polarity and 23 bits of time in µs, the highest first."""
    data = content(path, 40)
    if len(data) % 5:
        raise damaged(path, f"has {len(data)} bytes, which is not a multiple of 5")
    x, y, high, middle, low = np.frombuffer(data, np.uint8).reshape(-1, 5).astype(np.int64).T
    over = y == _OVERFLOW
    t = ((high & 127) << 16 | middle << 8 | low) + np.cumsum(over) * _TURN
    return camera_events(t[~over], x[~over], y[~over], high[~over] >> 7, size or (34, 34))
