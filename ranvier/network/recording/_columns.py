"""Where recorded rows go: named columns in memory, or in a folder."""

from __future__ import annotations

import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ranvier._files import is_partial, make_folder, sweep
from ranvier.errors import FileFormatError
from ranvier.network.recording._memory_rows import MemoryRows
from ranvier.network.recording._recorded_array import RecordedArray
from ranvier.network.recording._zarr import (
    GrowingArray,
    belongs_to_recording,
    read_attributes,
    write_attributes,
    write_group,
)

__all__ = ["Columns", "FolderColumns", "MemoryColumns", "Reader"]


class Reader(Protocol):
    """Gives the first ``count`` rows of a column; all where None."""

    def __call__(self, count: int | None = None) -> np.ndarray | RecordedArray: ...


class Columns(ABC):
    """Rows under a path such as ``exc/v``; all are made known before the first are added."""

    @abstractmethod
    def declare(self, path: str, dtype: Any, shape: tuple[int, ...], expected: int | None = None) -> None:
        """Make a column for rows of one type and shape; ``expected`` is their number at the end, where it is known."""

    @abstractmethod
    def append(self, path: str, rows: np.ndarray) -> None:
        """Add rows [n, *shape], which nobody else changes from now on."""

    @abstractmethod
    def reader(self, path: str) -> Reader:
        """A function that gives the first rows, of a number or all; those in memory may share it."""

    @abstractmethod
    def commit(self, attributes: Mapping[str, Any], sync: bool = False) -> None:
        """Make what was added lasting, and describe it; ``sync`` waits for the disk."""

    @abstractmethod
    def lengths(self) -> dict[str, int]:
        """Rows of each column that last."""


class MemoryColumns(Columns):
    """Arrays in memory."""

    def __init__(self) -> None:
        self._rows: dict[str, MemoryRows] = {}

    def declare(self, path: str, dtype: Any, shape: tuple[int, ...], expected: int | None = None) -> None:
        self._rows[path] = MemoryRows(dtype, shape, expected)

    def append(self, path: str, rows: np.ndarray) -> None:
        self._rows[path].append(rows)

    def reader(self, path: str) -> Reader:
        whole = self._rows[path].whole()
        return lambda count=None: whole[:count]

    def commit(self, attributes: Mapping[str, Any], sync: bool = False) -> None:
        del attributes, sync  # memory lasts as it is

    def lengths(self) -> dict[str, int]:
        return {path: rows.rows for path, rows in self._rows.items()}


class FolderColumns(Columns):
    """Arrays in a folder of the Zarr format.

    Parameters
    ----------
    folder
        A new or empty folder, one in which nothing has been recorded yet, or that of ``run``.
    begin
        The attributes of a recording of no steps.
    run
        Names the run that goes on in this folder; empty where none does.
    kept
        Rows to keep of each column of a recording that goes on.

    Raises
    ------
    FileFormatError
        Where the folder holds something else.
    """

    def __init__(
        self, folder: Path, begin: Mapping[str, Any], run: str = "", kept: Mapping[str, int] | None = None
    ) -> None:
        self.folder, self.run, self._kept = folder, run, dict(kept or {})
        self._arrays: dict[str, GrowingArray] = {}
        if not self._goes_on():
            if any(self._kept.values()):
                raise FileFormatError(f"{folder} holds no recording: it was moved; start the run anew.")
            write_attributes(make_folder(folder), {**begin, "run": run})
        write_group(folder)

    def _goes_on(self) -> bool:
        """Whether this run has begun in the folder; what another began there and recorded nothing in is removed."""
        folder = self.folder
        if not os.path.exists(folder) or (
            os.path.isdir(folder) and all(is_partial(name, ".zattrs") for name in os.listdir(folder))
        ):
            return False
        about = read_attributes(folder) if os.path.isfile(folder / ".zattrs") else {}
        if about.get("format") != "ranvier recording":
            raise FileFormatError(f"{folder} exists already: give a new folder to record into, or delete it.")
        if self.run and about.get("run") == self.run:
            return True
        files = [name for _, _, names in os.walk(folder) for name in names]
        if about.get("steps") != 0 or self._kept or not all(map(belongs_to_recording, files)):
            raise FileFormatError(
                f"{folder} exists already: it holds another recording ({about.get('steps')} steps). Give a new folder to "
                f"record into, or delete it."
            )
        for inner in folder.iterdir():
            if inner.is_dir():
                shutil.rmtree(inner)
            elif inner.name != ".zattrs":  # removed last: it marks this folder as free to take
                inner.unlink()
        return False

    def declare(self, path: str, dtype: Any, shape: tuple[int, ...], expected: int | None = None) -> None:
        del expected  # a folder grows
        inner, kind, rows = self.folder / path, np.dtype(dtype).newbyteorder("<"), self._kept.get(path, 0)
        for parent in reversed(inner.relative_to(self.folder).parents[:-1]):
            write_group(self.folder / parent)
        if not rows:
            self._arrays[path] = GrowingArray.create(inner, kind, shape)
        elif not inner.is_dir():
            raise FileFormatError(f"{inner} is missing: the recording was moved; start the run anew.")
        else:
            found = self._arrays[path] = GrowingArray.open(inner, rows)
            if found.layout.dtype != kind or found.layout.shape != shape:
                raise FileFormatError(
                    f"{inner} holds rows of {found.layout.dtype} {list(found.layout.shape)}, the run records {kind} {list(shape)}: the "
                    f"recording was replaced; start the run anew."
                )
        sweep(inner)

    def append(self, path: str, rows: np.ndarray) -> None:
        self._arrays[path].append(rows)

    def reader(self, path: str) -> Reader:
        array = self._arrays[path]
        return lambda count=None: RecordedArray(array, count)

    def commit(self, attributes: Mapping[str, Any], sync: bool = False) -> None:
        for array in self._arrays.values():
            array.commit(sync)
        write_attributes(self.folder, {**attributes, "run": self.run}, sync)

    def lengths(self) -> dict[str, int]:
        return {path: array.rows for path, array in self._arrays.items()}
