"""A recording on disk as records, also while, or after, its run was cut short."""

from __future__ import annotations

import math
import os
from pathlib import Path

from ranvier.errors import FileFormatError
from ranvier.network._recording._recorder import record_from
from ranvier.network._recording._zarr import GrowingArray, read_attributes
from ranvier.network._run import PopulationRecord

__all__ = ["load_records"]


def load_records(folder: str | os.PathLike[str]) -> dict[str, PopulationRecord]:
    """What ``net.run(…, to=folder)`` recorded, by population; complete up to the last block that was written.

    Nothing is read before it is asked for: ``records["exc"].spikes``, ``records["exc"].v``.

    Raises
    ------
    FileFormatError
        Where the folder holds no recording, or a damaged one.

    >>> records = rv.load_records("long.zarr")
    >>> records["exc"].spikes.rate()
    """
    folder = Path(folder)
    about = read_attributes(folder)
    if about.get("format") != "ranvier recording" or about.get("version") != 1:
        raise FileFormatError(f"{folder} holds no recording of this version (its format is {about.get('format')!r}).")
    try:
        wrong = not all(type(about[n]) is int and about[n] >= 0 for n in ("first", "steps"))
        wrong |= not (isinstance(about["dt"], float | int) and 0 < about["dt"] < math.inf)
        for n, part in about["parts"].items():
            wrong |= not (n.isidentifier() and type(part["size"]) is int and isinstance(part["spikes"], bool))
            wrong |= not all(v.isidentifier() and type(s) is int and s > 0 for v, s in part["stride"].items())
    except (LookupError, TypeError, AttributeError) as error:
        raise FileFormatError(f"the description in {folder} is damaged ({error}): record anew.") from error
    if wrong:
        raise FileFormatError(f"the description in {folder} is damaged: record anew.")
    return {
        n: record_from(about, n, lambda path: lambda: GrowingArray.open(folder / path).read()) for n in about["parts"]
    }
