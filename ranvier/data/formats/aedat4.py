"""AEDAT 4 through the library aedat, in a separate process: its packed flatbuffers are not simple format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ranvier.data._events import Events
from ranvier.data.formats.camera import Size, camera_events
from ranvier.errors import FileFormatError
from ranvier.limits import guarded

__all__ = ["columns", "read_aedat4"]


def read_aedat4(path: Path, size: Size) -> Events:
    """The events of the first stream that holds some."""
    answer = guarded(f"{__name__}:columns", path, needs=["aedat"])
    found = answer.arrays
    height, width = answer.facts["size"]
    return camera_events(found["t"], found["x"], found["y"], found["on"], size or (height, width))


def columns(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """In the child process: the columns of all packets."""
    import aedat

    decoder = aedat.Decoder(str(path))
    streams = {number: stream for number, stream in decoder.id_to_stream().items() if stream["type"] == "events"}
    if not streams:
        raise FileFormatError("it holds no stream of events")
    chosen = min(streams)
    packets = [packet["events"] for packet in decoder if packet["stream_id"] == chosen]
    size = int(streams[chosen]["height"]), int(streams[chosen]["width"])
    kinds = {"t": np.int64, "x": np.uint16, "y": np.uint16, "on": np.bool_}
    joined = {name: np.concatenate([np.empty(0, kind), *(p[name] for p in packets)]) for name, kind in kinds.items()}
    return {name: joined[name].astype(kind) for name, kind in kinds.items()}, {"size": size}
