"""Columns of a camera's events as :class:`Events`."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ranvier.data._events import Events
from ranvier.errors import FileFormatError

__all__ = ["Size", "camera_events", "damaged", "forward", "unwrapped"]

#: (height, width), where known
Size = tuple[int, int] | None


def camera_events(t: np.ndarray, x: np.ndarray, y: np.ndarray, on: np.ndarray, size: Size) -> Events:
    """Events of a sensor of ``size``; where None, the sensor just holds all events."""
    if size is None:
        size = (int(y.max()) + 1, int(x.max()) + 1) if len(t) else (1, 1)
    return Events.from_columns(t, x, y, on, *size)


def damaged(path: Path, what: str) -> FileFormatError:
    """The error for a file with invalid content."""
    return FileFormatError(f"{path} {what}: it is damaged; fetch or record it again.")


def forward(values: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At every place the last of ``values`` where ``known``, and whether there was one."""
    last = np.maximum.accumulate(np.where(known, np.arange(len(known)), -1))
    return values[np.maximum(last, 0)], last >= 0


def unwrapped(counter: np.ndarray, period: int) -> np.ndarray:
    """Unwrap a counter that restarts after ``period``: a fall by more than half a period is a new turn."""
    counter = counter.astype(np.int64)
    turns = np.zeros(len(counter), np.int64)
    turns[1:] = np.cumsum(np.diff(counter) < -(period // 2))
    return counter + turns * period


def geometry(lines: list[str]) -> Size:
    """(height, width) from the header of a Prophesee file, where it has them."""
    text = "\n".join(lines).lower()
    for pattern, order in (
        (r"geometry[: ]+(\d{1,5})x(\d{1,5})", (2, 1)),
        (r"height=(\d{1,5});\s*width=(\d{1,5})", (1, 2)),
        (r"height (\d{1,5})\b(?:.*\n)*?.*width (\d{1,5})\b", (1, 2)),
        (r"width (\d{1,5})\b(?:.*\n)*?.*height (\d{1,5})\b", (2, 1)),
    ):
        found = re.search(pattern, text)
        if found:
            height, width = (int(found[k]) for k in order)
            return (height, width) if height and width else None
    return None
