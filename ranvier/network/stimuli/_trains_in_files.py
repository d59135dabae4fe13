"""Spike trains in files of neo, pynapple and NWB, by own readers or in a bounded process; no file can run code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ranvier.errors import FileFormatError, RanvierError, ShapeError
from ranvier.limits import guarded, own_dataset, plain_file, read_npz

__all__ = ["Trains", "neo_file", "nwb_file", "pynapple_file"]

#: spike times in ms of every cell
Trains = list[np.ndarray]
_PICKLES = ("pkl", "pickle")


def neo_file(path: Any) -> Trains:
    """The spike trains that neo reads from a file, in a separate process."""
    path = plain_file(path, "recording; of a folder, give what neo reads from it")
    if path.suffix.lower().lstrip(".") in _PICKLES:
        raise FileFormatError(f"{path} is a pickle, which could run any code: save the recording in another format.")
    answer = _guarded("neo", path, "neo", "scipy.io")  # scipy.io: loaded once, not by neo for every file
    if answer.facts["segments"] != 1:
        raise ShapeError(
            f"the block holds {answer.facts['segments']} segments: read {path} with neo and give one of them, such as block.segments[0]."
        )
    return _divided(answer.arrays["times"], answer.arrays["ends"], path)


def nwb_file(path: Any) -> Trains:
    """The units table of a file in Neurodata Without Borders format, which is HDF5, in a separate process."""
    path = plain_file(path, "recording")
    answer = _guarded("nwb", path, "h5py")
    return _divided(1000 * answer.arrays["times"], answer.arrays["ends"], path)


def pynapple_file(path: Any) -> Trains:
    """A ``TsGroup`` or ``Ts`` that pynapple wrote; its pickles are never read."""
    path = plain_file(path, "recording")
    if path.suffix.lower() == ".nwb":
        return nwb_file(path)
    found = read_npz(path, ["t"], optional=["type", "index", "keys", "d"])
    kind = str(found["type"].ravel()[0]) if found.get("type", np.empty(0)).size else ""
    kind = kind or ("TsGroup" if "index" in found else "Tsd" if "d" in found else "Ts")
    t = _times(found["t"], path)
    if kind == "Ts":
        return [1000 * t]
    if kind != "TsGroup":
        raise ShapeError(f"{path} holds a {kind}: give a file of a TsGroup or a Ts.")
    index = found.get("index", np.empty(0))
    keys = np.unique(found.get("keys", index))
    if (
        index.shape != t.shape
        or not {index.dtype.kind, keys.dtype.kind} <= set("iuf")
        or not np.isin(index, keys).all()
    ):
        raise FileFormatError(f"{path} does not say of every spike to which unit it belongs: save the TsGroup again.")
    return [1000 * t[index == key] for key in keys]


def neo(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """In the child process: the spike trains of the first segment of the block, one after another."""
    import neo as library

    chosen = [io for io in library.io.list_candidate_ios(path) if io is not library.io.PickleIO]
    block = _first(chosen, path)
    trains = [t for segment in block.segments for t in segment.spiketrains]
    times = [np.asarray(t.rescale("ms").magnitude, np.float64) for t in trains]
    ends = np.cumsum([len(t) for t in times], dtype=np.int64)
    return {"times": np.concatenate([np.empty(0), *times]), "ends": ends}, {"segments": len(block.segments)}


def _first(kinds: list[Any], path: Path) -> Any:
    """The block of the first reader that can read the file; where none can, the first says why."""
    why: Exception | None = None
    for kind in kinds:
        try:
            return kind(str(path)).read_block(lazy=False)
        except Exception as error:  # readers of neo raise errors of any class
            why = why or error
    raise why or FileFormatError("neo has no reader for it")


def nwb(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """In the child process: the times in s of all units, and where each unit's end."""
    import h5py

    with h5py.File(path, "r") as file:
        if "units" not in file:
            raise FileFormatError("it holds no units with spike times: give a file with sorted units")
        columns = {
            "times": own_dataset(file, "units/spike_times"),
            "ends": own_dataset(file, "units/spike_times_index"),
        }
        if any(c.ndim != 1 or c.dtype.kind not in "iuf" for c in columns.values()):
            raise FileFormatError("its spike times are not a list of numbers")
        return {
            "times": np.asarray(columns["times"], np.float64),
            "ends": np.asarray(columns["ends"]).astype(np.int64),
        }, {}


def _guarded(function: str, path: Path, *packages: str) -> Any:
    try:
        return guarded(f"{__name__}:{function}", path, needs=packages)
    except ModuleNotFoundError as error:
        raise RanvierError(f"reading this recording needs {error.name}: pip install 'ranvier[neuro]'") from error


def _times(times: np.ndarray, path: Path) -> np.ndarray:
    if times.ndim != 1 or times.dtype.kind not in "iuf" or not np.isfinite(times).all():
        raise FileFormatError(
            f"{path} holds spike times that are not a list of finite numbers: save the recording again."
        )
    return times.astype(np.float64)


def _divided(times: np.ndarray, ends: np.ndarray, path: Path) -> Trains:
    """One train per unit, from all times and the place where each unit's end."""
    edges = np.concatenate([[0], ends])
    if (np.diff(edges) < 0).any() or edges[-1] != len(times):
        raise FileFormatError(f"{path} holds {len(times)} spike times and units that end elsewhere: save it again.")
    return np.split(_times(times, path), edges[1:-1]) if len(ends) else []
