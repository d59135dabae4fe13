"""Event Stream 2 (``.es``), the events of a dvs, as github.com/neuromorphicsystems/event_stream describes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ranvier.data._errors import DataError
from ranvier.data._events import Events
from ranvier.data.formats.camera import Size, damaged
from ranvier.limits import content

__all__ = ["read_event_stream"]

#: single bytes without an event: a pause of 0, and one of 127 µs
_ALONE, _LONGER = 254, 255
_KINDS = {0: "generic", 1: "dvs", 2: "atis", 4: "color"}
#: bytes of memory per byte of a file: a place as a Python number, then columns of 8 bytes
_GROWTH = 32


def read_event_stream(path: Path, size: Size) -> Events:
    """12 letters, a version, a kind, width and height; then events of five bytes.

    The first byte of an event is its distance in µs from the one before, times two, and its polarity; 255 alone adds 127 µs,
    254 alone adds nothing. x and y follow, y counted from below.
    """
    data = content(path, _GROWTH)
    if data[:12] != b"Event Stream" or len(data) < 16:
        raise damaged(path, "does not begin with 'Event Stream', a version and a kind of events")
    if data[12] != 2:
        raise DataError(f"{path.name} has version {data[12]} of the format; version 2 has a reader here")
    if data[15] != 1:
        kind = _KINDS.get(data[15], f"unknown ({data[15]})")
        raise DataError(f"{path.name} holds {kind} events; those of a dvs have a reader here")
    if len(data) < 20:
        raise damaged(path, "ends within its header")
    width, height = (int.from_bytes(data[k : k + 2], "little") for k in (16, 18))
    events, longer = _places(data)
    if events and events[-1] + 5 > len(data):
        raise damaged(path, "ends within an event")
    place = np.array(events, np.int64)
    table = np.frombuffer(data, np.uint8)
    first = table[place].astype(np.int64)
    t = np.cumsum(first >> 1) + 127 * np.searchsorted(np.array(longer, np.int64), place)
    x, y = (table[place + k].astype(np.int64) | table[place + k + 1].astype(np.int64) << 8 for k in (1, 3))
    if len(place) and (x.max() >= width or y.max() >= height):
        raise damaged(path, f"reaches x={x.max()}, y={y.max()} on a sensor of {width} x {height} pixels")
    return Events.from_columns(t, x, height - 1 - y, first & 1, height, width)


def _places(data: bytes) -> tuple[list[int], list[int]]:
    """Where events begin, and where 127 µs are added."""
    events, longer, k, end = [], [], 20, len(data)
    while k < end:
        first = data[k]
        if first < _ALONE:
            events.append(k)
            k += 5
        else:
            if first == _LONGER:
                longer.append(k)
            k += 1
    return events, longer
