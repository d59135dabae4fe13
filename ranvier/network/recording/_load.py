"""A recording on disk as records, also while, or after, its run was cut short."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from ranvier.errors import FileFormatError
from ranvier.network.checks import is_name
from ranvier.network.recording._columns import Reader
from ranvier.network.recording._record import PopulationRecord
from ranvier.network.recording._recorded_array import RecordedArray
from ranvier.network.recording._recorder import record_from, samples_in
from ranvier.network.recording._zarr import GrowingArray, read_attributes

__all__ = ["load_records"]

_LARGEST = 1 << 48


def load_records(folder: str | os.PathLike[str]) -> dict[str, PopulationRecord]:
    """What ``net.run(…, to=folder)`` recorded, by population; complete up to the last block that was written.

    Nothing is read before it is asked for: ``records["exc"].v[:100]`` reads the chunks of these rows, and
    ``np.asarray(records["exc"].v)`` all of them (a ``RecordedArray``).

    Raises
    ------
    FileFormatError
        Where the folder holds no recording, or a damaged one.

    >>> run = net.run(100*ms, record={"exc": ["spikes"]}, to="long.zarr")
    >>> records = rv.load_records("long.zarr")
    >>> rate = records["exc"].spikes.rate()
    """
    if not isinstance(folder, str | os.PathLike):
        raise FileFormatError(f"{folder!r} is not a path: give the folder of a recording.")
    if not os.path.exists(folder):  # false as well for a path that no system takes
        raise FileFormatError(f"{str(folder)[:200]!r} does not exist: give the folder of a recording.")
    folder = Path(folder)
    about = read_attributes(folder)
    if about.get("format") != "ranvier recording" or about.get("version") != 1:
        raise FileFormatError(
            f"{folder} holds no recording of this version (its format is {str(about.get('format'))[:100]!r})."
        )
    try:
        wrong = not all(_whole(about[n]) for n in ("first", "steps"))
        wrong |= not (isinstance(about["dt"], float | int) and 0 < about["dt"] < math.inf)
        for n, part in about["parts"].items():
            wrong |= not (is_name(n) and _whole(part["size"], 1) and isinstance(part["spikes"], bool))
            wrong |= not all(v.isidentifier() and _whole(s, 1) for v, s in part["stride"].items())
    except (LookupError, TypeError, AttributeError) as error:
        raise FileFormatError(f"the description in {folder} is damaged ({str(error)[:200]}): record anew.") from error
    if wrong:
        raise FileFormatError(f"the description in {folder} is damaged: record anew.")
    return {n: _part(folder, about, n) for n in about["parts"]}


def _whole(value: Any, least: int = 0) -> bool:
    return type(value) is int and least <= value <= _LARGEST


def _part(folder: Path, about: dict[str, Any], n: str) -> PopulationRecord:
    """The record of one part; its columns must match the description."""
    part, first, steps = about["parts"][n], about["first"], about["steps"]
    for v, stride in part["stride"].items():
        promised, held = samples_in(first, steps, stride), GrowingArray.open(folder / n / v).rows
        if promised > held:
            raise FileFormatError(
                f"{folder / n / v} holds {held} rows instead of {promised}: the recording is damaged."
            )
    reads = {"step": lambda x: _spikes(x, first, None), "cell": lambda x: _spikes(x, 0, part["size"] - 1)}
    if not part["spikes"]:
        reads = {}
    checks = {f"{n}/spikes/{what}": check for what, check in reads.items()}

    def reader(path: str) -> Reader:
        def read(count: int | None = None) -> np.ndarray | RecordedArray:
            array = GrowingArray.open(folder / path)
            if path not in checks:
                return RecordedArray(array, count)
            rows = array.read()
            if not checks[path](rows):
                raise FileFormatError(
                    f"{folder / path} holds numbers that are not steps or cells: the recording is damaged."
                )
            return rows

        return read

    return record_from(about, n, reader)


def _spikes(rows: np.ndarray, least: int, most: int | None) -> bool:
    """Whether rows are steps that do not fall (``most`` None), or cells up to ``most``."""
    if rows.ndim != 1 or rows.dtype != np.int64:
        return False
    if not len(rows):
        return True
    return rows.min() >= least and (bool((np.diff(rows) >= 0).all()) if most is None else rows.max() <= most)
