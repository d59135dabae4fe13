"""Event files: each format through the library that keeps its reader."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ranvier.data._errors import DataError
from ranvier.data._events import Events
from ranvier.data._places import optional
from ranvier.errors import FileFormatError

__all__ = ["read_events"]

#: Formats known by name that no kept library reads, and what to do.
_REFUSED = {
    ".aedat": "AEDAT 1 to 3 has no kept reader; save the recording as AEDAT 4",
    ".bag": "ROS bags have no reader here; save the recording as AEDAT 4 or EVT 3",
}


def read_events(path: str | os.PathLike[str], *, size: tuple[int, int] | None = None) -> Events:
    """The events of a file, counted from its first.

    Parameters
    ----------
    path
        ``.aedat4`` (through aedat), ``.dat`` and Prophesee ``.raw`` in EVT 2 or 3 (expelliarmus), ``.es`` (event_stream),
        N-MNIST ``.bin`` (tonic), ST-MNIST ``.mat`` (scipy). Others are refused by name.
    size
        (height, width) of the sensor, where the file does not say; else as far as its events reach.

    Raises
    ------
    DataError
        Where there is no such file, the format has no reader here, or a package is missing.
    FileFormatError
        Where the file is damaged.

    Examples
    --------
    >>> events = rv.data.read_events("recording.aedat4")
    >>> x = rv.data.Bins(steps=50, dt=10 * ms)(events)
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"no file {path}")
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        why = _REFUSED.get(path.suffix.lower(), f"no reader for {path.suffix or 'files without a suffix'}")
        raise DataError(f"{path.name}: {why}; there are readers for {', '.join(sorted(_READERS))}")
    try:
        events = reader(path, size)
    except (DataError, FileFormatError):
        raise
    except ModuleNotFoundError as error:
        raise DataError(optional(error.name or "?", f"reading {path.suffix}")) from error
    except BaseException as error:  # decoders written in Rust and C++ raise outside Exception
        if isinstance(error, KeyboardInterrupt | SystemExit | MemoryError):
            raise
        raise FileFormatError(f"{path} is damaged or of another format than {path.suffix}: {error}") from error
    return events.from_zero()


def _camera_events(columns: Any, size: tuple[int, int] | None) -> Events:
    """Events from a structured array with t, x, y and a polarity named p or on."""
    names = columns.dtype.names
    polarity = columns["p" if "p" in names else "on"]
    if size is None:
        size = (int(columns["y"].max()) + 1, int(columns["x"].max()) + 1) if len(columns) else (1, 1)
    return Events.from_columns(columns["t"], columns["x"], columns["y"], polarity, *size)


def _aedat4(path: Path, size: tuple[int, int] | None) -> Events:
    decoder = import_module("aedat").Decoder(str(path))
    streams = {number: stream for number, stream in decoder.id_to_stream().items() if stream["type"] == "events"}
    if not streams:
        raise FileFormatError(f"{path} holds no stream of events")
    chosen = min(streams)
    packets = [packet["events"] for packet in decoder if packet["stream_id"] == chosen]
    size = size or (streams[chosen]["height"], streams[chosen]["width"])
    return _camera_events(np.concatenate(packets), size) if packets else Events.sorted([], [], (2, *size))


def _prophesee(path: Path, size: tuple[int, int] | None) -> Events:
    encoding = "dat" if path.suffix.lower() == ".dat" else _raw_encoding(path)
    return _camera_events(import_module("expelliarmus").Wizard(encoding=encoding).read(path), size)


def _raw_encoding(path: Path) -> str:
    with open(path, "rb") as file:
        head = file.read(4096)
    lines = [line.strip().lower() for line in head.split(b"\n") if line.startswith(b"%")]
    for version in (b"2", b"3"):
        if any(line.startswith((b"% evt " + version + b".", b"% format evt" + version)) for line in lines):
            return f"evt{version.decode()}"
    raise DataError(f"{path.name}: its header names neither EVT 2 nor EVT 3, which have readers here")


def _event_stream(path: Path, size: tuple[int, int] | None) -> Events:
    decoder = import_module("event_stream").Decoder(str(path))
    if decoder.type != "dvs":
        raise DataError(f"{path.name} holds {decoder.type} events; those of a dvs have a reader here")
    packets = list(decoder)
    size = (decoder.height, decoder.width)
    if not packets:
        return Events.sorted([], [], (2, *size))
    columns = np.concatenate(packets)
    return Events.from_columns(columns["t"], columns["x"], size[0] - 1 - columns["y"].astype(int), columns["on"], *size)


def _nmnist(path: Path, size: tuple[int, int] | None) -> Events:
    kind = np.dtype([("x", int), ("y", int), ("t", int), ("p", int)])
    if path.stat().st_size % 5:
        raise FileFormatError(f"{path} has {path.stat().st_size} bytes, which is no multiple of 5; fetch it again")
    return _camera_events(import_module("tonic.io").read_mnist_file(str(path), dtype=kind), size or (34, 34))


def _stmnist(path: Path, size: tuple[int, int] | None) -> Events:
    train = import_module("scipy.io").loadmat(path).get("spiketrain")
    if train is None or train.ndim != 2 or train.shape[0] != 101:
        raise FileFormatError(f"{path} holds no array 'spiketrain' of 100 taxels and the time [101, E]")
    taxel, moment = np.nonzero(train[:100])
    on = train[taxel, moment] > 0
    return Events.sorted(np.rint(train[100, moment] * 1e6), on * 100 + taxel, (2, 10, 10))


_READERS: dict[str, Callable[[Path, tuple[int, int] | None], Events]] = {
    ".aedat4": _aedat4,
    ".dat": _prophesee,
    ".raw": _prophesee,
    ".es": _event_stream,
    ".bin": _nmnist,
    ".mat": _stmnist,
}
