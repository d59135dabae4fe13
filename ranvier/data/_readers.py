"""Event files: the format goes by the ending."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ranvier.data._errors import DataError
from ranvier.data._events import Events
from ranvier.data._places import optional
from ranvier.data.formats.aedat4 import read_aedat4
from ranvier.data.formats.camera import Size
from ranvier.data.formats.event_stream import read_event_stream
from ranvier.data.formats.matlab import read_stmnist
from ranvier.data.formats.nmnist import read_nmnist
from ranvier.data.formats.prophesee import read_dat, read_raw
from ranvier.errors import FileFormatError, ShapeError
from ranvier.limits import plain_file

__all__ = ["read_events"]

#: Formats known by name that have no reader here, and what to do.
_REFUSED = {
    ".aedat": "AEDAT 1 to 3 has no reader here; save the recording as AEDAT 4",
    ".bag": "ROS bags have no reader here; save the recording as AEDAT 4 or EVT 3",
}
_READERS: dict[str, Callable[[Path, Size], Events]] = {
    ".aedat4": read_aedat4,
    ".dat": read_dat,
    ".raw": read_raw,
    ".es": read_event_stream,
    ".bin": read_nmnist,
    ".mat": read_stmnist,
}


def read_events(path: str | os.PathLike[str], *, size: tuple[int, int] | None = None) -> Events:
    """The events of a file, counted from its first.

    Parameters
    ----------
    path
        Prophesee ``.dat`` and ``.raw`` in EVT 2 or 3, Event Stream ``.es``, N-MNIST ``.bin``, ST-MNIST ``.mat``, and ``.aedat4``
        (through the package aedat, in a separate process). Other formats raise an error that names them.
    size
        (height, width) of the sensor, where the file does not say; else as far as its events reach.

    Raises
    ------
    DataError
        Where there is no such file, the format has no reader here, or a package is missing.
    FileFormatError
        Where the file is damaged.
    MemoryLimitError
        Where its events do not fit into memory.

    Examples
    --------
    >>> events = rv.data.read_events("recording.bin", size=(34, 34))
    >>> x = rv.data.Bins(steps=50, dt=10 * ms)(events)
    """
    if isinstance(path, str | os.PathLike) and not os.path.lexists(path):
        raise DataError(f"no file {path}")
    path = plain_file(path, "recording")
    ending = path.suffix.lower()
    reader = _READERS.get(ending)
    if reader is None:
        why = _REFUSED.get(ending, f"no reader for {path.suffix or 'files without a suffix'}")
        raise DataError(f"{path.name}: {why}; there are readers for {', '.join(sorted(_READERS))}")
    try:
        return reader(path, size).from_zero()
    except ModuleNotFoundError as error:
        raise DataError(optional(error.name or "?", f"reading {ending}")) from error
    except ShapeError as error:
        raise FileFormatError(f"{path} is damaged or of another format than {ending}: {error}") from error
