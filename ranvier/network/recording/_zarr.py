"""A growing array in a folder of the Zarr format, version 2, which many programs read.

Chunks have equal length along the first axis (``Layout``). Rows are added in memory and reach the disk with
``commit``: first the chunks, then the description that says how many rows there are; each file is replaced in one atomic
step. So whatever interrupts a commit, the folder holds the rows of the one before.
"""

from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from ranvier._files import is_partial, make_folder, replace_file, sweep
from ranvier.errors import FileFormatError
from ranvier.limits import need, plain_file
from ranvier.network.recording._layout import Layout

__all__ = ["GrowingArray", "belongs_to_recording", "read_attributes", "write_attributes", "write_group"]

_OWN = re.compile(r"\.z(array|attrs|group)|\d+(\.\d+)*")
_LARGEST_TEXT = 1 << 26


class GrowingArray:
    """Rows in ``folder``; make one with :meth:`create` or :meth:`open`."""

    def __init__(self, folder: Path, layout: Layout, rows: int) -> None:
        self.folder, self.layout, self.rows = folder, layout, rows
        self._waiting: list[np.ndarray] = []
        self._tail: np.ndarray | None = None if rows % layout.rows else self._none

    @classmethod
    def create(
        cls, folder: Path, dtype: np.dtype, shape: tuple[int, ...], layout: Layout | None = None
    ) -> GrowingArray:
        """An empty array, also in place of a half-made one."""
        make_folder(folder)
        made = cls(folder, Layout.of(dtype, shape) if layout is None else layout, 0)
        made._describe(0)
        return made

    @classmethod
    def open(cls, folder: Path, rows: int | None = None) -> GrowingArray:
        """An array that is there, of its first ``rows`` rows, to which more are added; of all, to be read, where None.

        Raises
        ------
        FileFormatError
            Where the folder is damaged, or holds fewer rows.
        """
        layout, found = Layout.read(_json(folder / ".zarray", "recorded array"), folder)
        if rows is not None and not 0 <= rows <= found:
            raise FileFormatError(f"{folder} has {found} rows instead of {rows}: it is damaged; start the run anew.")
        made = cls(folder, layout, found if rows is None else rows)
        if rows is not None:
            made._begun()
        return made

    def append(self, rows: np.ndarray) -> None:
        """Add rows [n, *shape]; they are on disk after the next :meth:`commit`."""
        if len(rows):
            self._waiting.append(np.asarray(rows, self.layout.dtype).reshape(-1, *self.layout.shape))

    def commit(self, sync: bool = False) -> None:
        """Write what was added; ``sync`` waits until it is on the disk.

        Raises
        ------
        WriteError
            From the file system, for example where the disk is full; the rows of the last commit stay readable.
        """
        if self._waiting:
            layout, tail = self.layout, self._begun()
            pending = self._waiting[0] if len(self._waiting) == 1 and not len(tail) else None
            pending = np.concatenate([tail, *self._waiting]) if pending is None else pending
            base = (self.rows - len(tail)) // layout.rows
            for k, low in enumerate(range(0, len(pending), layout.rows)):
                piece = pending[low : low + layout.rows]
                for across in range(layout.abreast):
                    self._write(layout.name(base + k, across), layout.encode(piece, across), sync)
            rows = base * layout.rows + len(pending)
            self._describe(rows, sync)
            self.rows, self._waiting = rows, []
            self._tail = pending[len(pending) // layout.rows * layout.rows :].copy()
        elif sync:
            self._describe(self.rows, sync)

    def read(self, first: int = 0, end: int | None = None, cells: np.ndarray | None = None) -> np.ndarray:
        """The committed rows [first, end), of ``cells`` (rising) along the first axis of a row; all where None.

        Raises
        ------
        FileFormatError
            Where a chunk is damaged or missing.
        MemoryLimitError
            Where the rows do not fit into memory.
        """
        layout, end = self.layout, self.rows if end is None else end
        columns = range(layout.abreast) if cells is None else np.unique(cells // layout.width).tolist()
        down = range(first // layout.rows, -(-end // layout.rows)) if end > first else range(0)
        present = len(self._present())
        if len(down) * len(columns) > present:
            raise FileFormatError(
                f"{self.folder} promises {self.rows} rows of {layout.row} bytes and holds {present} chunks: the recording "
                f"is damaged."
            )
        for k in down:
            for across in columns:
                layout.size(self.folder / layout.name(k, across))
        shape = layout.shape if cells is None else (len(cells), *layout.shape[1:])
        size = max(end - first, 0) * layout.dtype.itemsize * math.prod(shape)
        need(size, f"reading {self.folder}", "read a slice of it, such as [:1000], or open it with zarr")
        out = np.empty((max(end - first, 0), *shape), layout.dtype)
        for k in down:
            low, high = max(first, k * layout.rows), min(end, (k + 1) * layout.rows)
            inside, place = slice(low - k * layout.rows, high - k * layout.rows), slice(low - first, high - first)
            for across in columns:
                chunk = layout.decode(self.folder / layout.name(k, across))[inside]
                if not layout.shape:
                    out[place] = chunk
                    continue
                here, there = _meeting(layout, across, cells)
                out[place, there] = chunk[:, here]
        return out

    @property
    def _none(self) -> np.ndarray:
        return np.empty((0, *self.layout.shape), self.layout.dtype)

    def _begun(self) -> np.ndarray:
        """The rows of the last chunk, which is not full."""
        if self._tail is None:
            self._tail = self.read(self.rows - self.rows % self.layout.rows)
        return self._tail

    def _present(self) -> list[str]:
        return [name for name in os.listdir(self.folder) if not name.startswith(".")]

    def _describe(self, rows: int, sync: bool = False) -> None:
        self._write(".zarray", json.dumps(self.layout.describe(rows), indent=1).encode(), sync)

    def _write(self, name: str, payload: bytes | memoryview, sync: bool) -> None:
        replace_file(self.folder / name, payload, sync=sync)


def _meeting(layout: Layout, across: int, cells: np.ndarray | None) -> tuple[slice | np.ndarray, slice]:
    """Where a chunk holds what it has of ``cells``, and where that belongs in the result."""
    low = across * layout.width
    if cells is None:
        count = min(layout.width, layout.shape[0] - low)
        return slice(count), slice(low, low + count)
    place = slice(*np.searchsorted(cells, (low, low + layout.width)).tolist())
    found = cells[place] - low
    whole = int(found[-1]) + 1 - int(found[0]) == len(found)
    return slice(int(found[0]), int(found[-1]) + 1) if whole else found, place


def belongs_to_recording(name: str) -> bool:
    """Whether a file of this name may stand in a recording."""
    return _OWN.fullmatch(name) is not None or is_partial(name)


def write_group(folder: Path) -> None:
    """Make a folder that holds arrays, and take away what broken-off writes left in it."""
    make_folder(folder)
    replace_file(folder / ".zgroup", b'{"zarr_format": 2}', sync=False)
    sweep(folder)


def write_attributes(folder: Path, attributes: dict[str, Any], sync: bool = False) -> None:
    """Replace the attributes of a group."""
    replace_file(folder / ".zattrs", json.dumps(attributes, indent=1, allow_nan=False).encode(), sync=sync)


def read_attributes(folder: Path) -> dict[str, Any]:
    """The attributes of a group.

    Raises
    ------
    FileFormatError
        Where there are none.
    """
    return _json(folder / ".zattrs", "recording")


def _json(path: Path, what: str) -> dict[str, Any]:
    """An object in a file of sensible size."""
    try:
        found = json.loads(plain_file(path, most=_LARGEST_TEXT).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise FileFormatError(f"{path.parent} holds no {what} ({str(error)[:200]}): give another folder.") from error
    if not isinstance(found, dict):
        raise FileFormatError(f"{path} is damaged: it holds no JSON object.")
    return found
