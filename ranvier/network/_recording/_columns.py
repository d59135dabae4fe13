"""Where recorded rows go: named columns in memory, or in a folder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ranvier.errors import FileFormatError
from ranvier.network._recording._zarr import GrowingArray, write_attributes, write_group

__all__ = ["Columns", "FolderColumns", "MemoryColumns"]


class Columns(ABC):
    """Rows under a path such as ``exc/v``; all are made known before the first are added."""

    @abstractmethod
    def declare(self, path: str, dtype: Any, shape: tuple[int, ...]) -> None:
        """Make a column for rows of one type and shape."""

    @abstractmethod
    def append(self, path: str, rows: np.ndarray) -> None:
        """Add rows [n, *shape]."""

    @abstractmethod
    def reader(self, path: str) -> Callable[[], np.ndarray]:
        """A function that gives all rows."""

    @abstractmethod
    def commit(self, attributes: Mapping[str, Any], sync: bool = False) -> None:
        """Make what was added lasting, and describe it; ``sync`` waits for the disk."""

    @abstractmethod
    def lengths(self) -> dict[str, int]:
        """Rows of each column that last."""


class MemoryColumns(Columns):
    """Arrays in memory."""

    def __init__(self) -> None:
        self._rows: dict[str, list[np.ndarray]] = {}

    def declare(self, path: str, dtype: Any, shape: tuple[int, ...]) -> None:
        self._rows[path] = [np.empty((0, *shape), dtype)]

    def append(self, path: str, rows: np.ndarray) -> None:
        self._rows[path].append(rows)

    def reader(self, path: str) -> Callable[[], np.ndarray]:
        first = self._rows[path][0]
        some = [rows for rows in self._rows[path] if len(rows)] or [first]
        whole = len(some) == 1 and some[0].dtype == first.dtype
        joined = some[0] if whole else np.concatenate(some, dtype=first.dtype, casting="same_kind")
        self._rows[path] = [joined]
        return lambda: joined

    def commit(self, attributes: Mapping[str, Any], sync: bool = False) -> None:
        del attributes, sync  # memory lasts as it is

    def lengths(self) -> dict[str, int]:
        return {path: sum(map(len, rows)) for path, rows in self._rows.items()}


class FolderColumns(Columns):
    """Arrays in a folder of the Zarr format; ``lengths`` are the rows to keep of a recording that goes on.

    Raises
    ------
    FileFormatError
        Where the folder holds something and nothing is to go on.
    """

    def __init__(self, folder: Path, lengths: Mapping[str, int] | None = None) -> None:
        self.folder, self._kept = folder, dict(lengths or {})
        self._arrays: dict[str, GrowingArray] = {}
        if lengths is None and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise FileFormatError(f"{folder} exists already: give a new folder to record into, or delete it.")
        write_group(folder)

    def declare(self, path: str, dtype: Any, shape: tuple[int, ...]) -> None:
        inner = self.folder / path
        if self._kept.get(path, 0) and not inner.is_dir():
            raise FileFormatError(f"{inner} is missing: the recording was moved; start the run anew.")
        for parent in reversed(inner.relative_to(self.folder).parents[:-1]):
            write_group(self.folder / parent)
        if inner.is_dir():
            self._arrays[path] = GrowingArray.open(inner, self._kept.get(path, 0))
        else:
            self._arrays[path] = GrowingArray.create(inner, np.dtype(dtype), shape)

    def append(self, path: str, rows: np.ndarray) -> None:
        self._arrays[path].append(rows)

    def reader(self, path: str) -> Callable[[], np.ndarray]:
        return self._arrays[path].read

    def commit(self, attributes: Mapping[str, Any], sync: bool = False) -> None:
        for array in self._arrays.values():
            array.commit(sync)
        write_attributes(self.folder, dict(attributes), sync)

    def lengths(self) -> dict[str, int]:
        return {path: array.rows for path, array in self._arrays.items()}
