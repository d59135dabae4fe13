"""A growing array in a folder of the Zarr format, version 2, which many programs read.

Chunks are zlib-compressed and of equal length along the first axis. Rows are added in memory and reach the disk with
``commit``: first the chunks, then the description that says how many rows there are; each file is replaced in one atomic
step. So whatever interrupts a commit, the folder holds the rows of the one before.
"""

from __future__ import annotations

import json
import math
import os
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ranvier._files import is_partial, make_folder, replace_file, sweep
from ranvier.errors import FileFormatError
from ranvier.limits import need, plain_file

__all__ = ["GrowingArray", "belongs_to_recording", "read_attributes", "write_attributes", "write_group"]

#: bytes of a chunk before compression, about
_CHUNK = 1 << 19
_LARGEST_RANK = 2
_OWN = re.compile(r"\.z(array|attrs|group)|\d+(\.\d+)*")
_LARGEST, _LARGEST_TEXT = 1 << 48, 1 << 26
#: the highest compression ratio of deflate
_DENSEST = 1032
_DTYPES = frozenset(np.dtype(kind).newbyteorder("<").str for kind in "bhilqBHILQefd")


class GrowingArray:
    """Rows of one shape and type in ``folder``; make one with :meth:`create` or :meth:`open`."""

    def __init__(self, folder: Path, dtype: np.dtype, shape: tuple[int, ...], chunk: int, rows: int) -> None:
        self.folder, self.dtype, self.shape, self.chunk, self.rows = folder, dtype, shape, chunk, rows
        self._waiting: list[np.ndarray] = []
        self._tail = np.empty((0, *shape), dtype)

    @classmethod
    def create(cls, folder: Path, dtype: np.dtype, shape: tuple[int, ...]) -> GrowingArray:
        """An empty array, also in place of a half-made one."""
        dtype = np.dtype(dtype).newbyteorder("<")
        make_folder(folder)
        row = max(dtype.itemsize * int(np.prod(shape)), 1)
        made = cls(folder, dtype, shape, int(np.clip(_CHUNK // row, 1, 1 << 16)), 0)
        made._describe(0)
        return made

    @classmethod
    def open(cls, folder: Path, rows: int | None = None) -> GrowingArray:
        """An array that is there, of its first ``rows`` rows; all where None.

        Raises
        ------
        FileFormatError
            Where the folder is damaged, or holds fewer rows.
        """
        found = _json(folder / ".zarray", "recorded array")
        shape, chunks = (_sizes(found.get(name)) for name in ("shape", "chunks"))
        written = found.get("dtype")
        layout = {"zarr_format": 2, "order": "C", "compressor": {"id": "zlib", "level": 1}}
        plain = isinstance(written, str) and written in _DTYPES and {n: found.get(n) for n in layout} == layout
        fits = shape and chunks and len(shape) <= _LARGEST_RANK and shape[1:] == chunks[1:] and min(chunks) >= 1
        if not plain or not fits:
            raise FileFormatError(
                f"{folder} holds no recorded array, or one of another layout: give another folder, or open it with zarr."
            )
        dtype = np.dtype(str(written))
        if rows is not None and not 0 <= rows <= shape[0]:
            raise FileFormatError(f"{folder} has {shape[0]} rows instead of {rows}: it is damaged; start the run anew.")
        made = cls(folder, dtype, shape[1:], chunks[0], shape[0] if rows is None else rows)
        whole = made.rows // made.chunk
        if made.rows % made.chunk:
            made._tail = made._chunk(whole)[: made.rows % made.chunk]
        return made

    def append(self, rows: np.ndarray) -> None:
        """Add rows [n, *shape]; they are on disk after the next :meth:`commit`."""
        if len(rows):
            self._waiting.append(np.asarray(rows, self.dtype).reshape(-1, *self.shape))

    def commit(self, sync: bool = False) -> None:
        """Write what was added; ``sync`` waits until it is on the disk.

        Raises
        ------
        WriteError
            From the file system, for example where the disk is full; the rows of the last commit stay readable.
        """
        if self._waiting:
            pending = np.concatenate([self._tail, *self._waiting])
            base = self.rows - len(self._tail)
            for low in range(0, len(pending), self.chunk):
                piece = pending[low : low + self.chunk]
                full = np.zeros((self.chunk, *self.shape), self.dtype)
                full[: len(piece)] = piece
                self._write(self._name((base + low) // self.chunk), zlib.compress(full.tobytes(), 1), sync)
            rows = base + len(pending)
            self._describe(rows, sync)
            self.rows, self._waiting = rows, []
            self._tail = pending[len(pending) // self.chunk * self.chunk :].copy()
        elif sync:
            self._describe(self.rows, sync)

    def read(self) -> np.ndarray:
        """All committed rows.

        Raises
        ------
        FileFormatError
            Where a chunk is damaged or missing.
        MemoryLimitError
            Where the rows do not fit into memory.
        """
        count = -(-self.rows // self.chunk)
        packed = sum(self._packed(k) for k in range(min(count, len(self._present()))))
        size = self.rows * self._row
        if count > len(self._present()) or size > _DENSEST * packed:
            raise FileFormatError(
                f"{self.folder} promises {self.rows} rows of {self._row} bytes and holds {len(self._present())} chunks of {packed} "
                "bytes: the recording is damaged."
            )
        need(2 * size, f"reading {self.folder}", "open it with zarr and read it in parts")
        chunks = [self._chunk(k) for k in range(count)]
        return np.concatenate([*chunks, np.empty((0, *self.shape), self.dtype)])[: self.rows]

    @property
    def _row(self) -> int:
        """Bytes of a row."""
        return self.dtype.itemsize * math.prod(self.shape)

    def _present(self) -> list[str]:
        return [name for name in os.listdir(self.folder) if not name.startswith(".")]

    def _packed(self, number: int) -> int:
        """Bytes of a chunk on disk."""
        try:
            return plain_file(self.folder / self._name(number)).stat().st_size
        except OSError as error:
            raise FileFormatError(f"{self.folder} cannot be read ({error}): the recording is damaged.") from error

    def _chunk(self, number: int) -> np.ndarray:
        path, size = self.folder / self._name(number), self.chunk * self._row
        try:
            if size > _DENSEST * self._packed(number):
                raise ValueError(f"it has too few bytes for {size}")
            unpacker = zlib.decompressobj()
            payload = unpacker.decompress(path.read_bytes(), size + 1)
            if len(payload) != size or not unpacker.eof:
                raise ValueError(f"it does not hold the {size} bytes that it should")
            return np.frombuffer(payload, self.dtype).reshape(self.chunk, *self.shape)
        except (OSError, zlib.error, ValueError) as error:
            raise FileFormatError(
                f"{path} is damaged or missing ({str(error)[:200]}): the recording cannot be read."
            ) from error

    def _name(self, number: int) -> str:
        return ".".join([str(number), *("0" for _ in self.shape)])

    def _describe(self, rows: int, sync: bool = False) -> None:
        text = {
            "zarr_format": 2, "shape": [rows, *self.shape], "chunks": [self.chunk, *(max(n, 1) for n in self.shape)],
            "dtype": self.dtype.str, "compressor": {"id": "zlib", "level": 1}, "fill_value": 0, "order": "C", "filters": None,
        }  # fmt: skip
        self._write(".zarray", json.dumps(text, indent=1).encode(), sync)

    def _write(self, name: str, payload: bytes, sync: bool) -> None:
        replace_file(self.folder / name, payload, sync=sync)


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


def _sizes(value: Any) -> tuple[int, ...]:
    """Whole numbers from 0; none where something else is written."""
    sizes = tuple(value) if isinstance(value, list) else ()
    return sizes if all(type(n) is int and 0 <= n <= _LARGEST for n in sizes) else ()
