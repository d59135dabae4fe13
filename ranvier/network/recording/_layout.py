"""How the rows of a recorded array lie in files: the shape of a chunk, and its bytes."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ranvier.errors import FileFormatError
from ranvier.limits import plain_file

__all__ = ["Layout"]

#: bytes of a chunk before compression, and of the chunks of the same rows, about
_CHUNK, _ABREAST = 1 << 19, 1 << 22
_LARGEST_RANK = 5
_LARGEST = 1 << 48
#: the highest compression ratio of deflate
_DENSEST = 1032
_DTYPES = frozenset(np.dtype(kind).newbyteorder("<").str for kind in "bhilqBHILQefd")
_ZLIB = {"id": "zlib", "level": 1}


@dataclass(frozen=True)
class Layout:
    """Chunks of ``rows`` rows of ``dtype`` and ``shape``, cut into pieces of ``width`` along the first axis of the row.

    Whole numbers (steps, cells) are ``packed``: they become many times smaller. The digits of recorded variables hardly
    compress, so these are written as they are.
    """

    dtype: np.dtype
    shape: tuple[int, ...]
    rows: int
    width: int
    packed: bool

    @classmethod
    def of(cls, dtype: np.dtype, shape: tuple[int, ...]) -> Layout:
        """The layout of a new array. Wide rows are cut, so that a slice of cells reads its chunks only."""
        dtype = np.dtype(dtype).newbyteorder("<")
        width, row = shape[0] if shape else 1, max(dtype.itemsize * math.prod(shape), 1)
        rows = int(np.clip((_ABREAST if len(shape) == 1 and row > _CHUNK >> 10 else _CHUNK) // row, 1, 1 << 16))
        if len(shape) == 1:
            width = int(np.clip(_CHUNK // (rows * dtype.itemsize), 1, max(width, 1)))
        return cls(dtype, shape, rows, width, dtype.kind in "iu")

    @classmethod
    def read(cls, told: dict[str, Any], folder: Path) -> tuple[Layout, int]:
        """The layout that a description tells, checked, and the number of rows.

        Raises
        ------
        FileFormatError
            Where it describes no array that this program writes.
        """
        shape, chunks = (_sizes(told.get(name)) for name in ("shape", "chunks"))
        written, compressor = told.get("dtype"), told.get("compressor", _ZLIB)
        plain = isinstance(written, str) and written in _DTYPES and compressor in (None, _ZLIB)
        plain &= (told.get("zarr_format"), told.get("order")) == (2, "C")
        fits = len(shape) == len(chunks) <= _LARGEST_RANK and min(chunks, default=0) >= 1 and shape[2:] == chunks[2:]
        if not plain or not fits or any(c > max(n, 1) for n, c in zip(shape[1:2], chunks[1:2], strict=True)):
            raise FileFormatError(
                f"{folder} holds no recorded array, or one of another layout: give another folder, or open it with zarr."
            )
        (rows, *cells), (down, *across) = shape, chunks
        return cls(np.dtype(str(written)), tuple(cells), down, [*across, 1][0], compressor is not None), rows

    def describe(self, rows: int) -> dict[str, Any]:
        """The description of an array of so many rows."""
        return {
            "zarr_format": 2, "shape": [rows, *self.shape], "chunks": list(self._form), "dtype": self.dtype.str,
            "compressor": _ZLIB if self.packed else None, "fill_value": 0, "order": "C", "filters": None,
        }  # fmt: skip

    @property
    def row(self) -> int:
        """Bytes of a row."""
        return self.dtype.itemsize * math.prod(self.shape)

    @property
    def abreast(self) -> int:
        """Chunks that hold the same rows."""
        return max(-(-self.shape[0] // self.width), 1) if self.shape else 1

    def name(self, down: int, across: int) -> str:
        """The file of a chunk."""
        return ".".join(map(str, (down, *([across] if self.shape else []), *(0 for _ in self.shape[1:]))))

    def encode(self, rows: np.ndarray, across: int) -> bytes | memoryview:
        """The bytes of a chunk of these rows, filled up with zeros."""
        low = across * self.width
        piece = rows[:, low : low + self.width] if self.shape else rows
        if piece.shape != self._form:
            full = np.zeros(self._form, self.dtype)
            full[tuple(map(slice, piece.shape))] = piece
            piece = full
        payload = memoryview(np.ascontiguousarray(piece)).cast("B")  # pyright: ignore[reportArgumentType]
        return zlib.compress(payload, 1) if self.packed else payload

    def size(self, path: Path) -> int:
        """The bytes of a chunk that can hold what it promises.

        Raises
        ------
        FileFormatError
            Where the file is missing or too small.
        """
        promised = self.dtype.itemsize * math.prod(self._form)
        try:
            found = plain_file(path).stat().st_size
        except OSError as error:
            raise FileFormatError(f"{path.parent} cannot be read ({error}): the recording is damaged.") from error
        if promised > _DENSEST * found if self.packed else promised != found:
            raise FileFormatError(
                f"{path} is damaged: it has {found} bytes, too few or too many for a chunk of {promised}. The recording "
                f"cannot be read."
            )
        return promised

    def decode(self, path: Path) -> np.ndarray:
        """The rows of a chunk, with those that fill it up.

        Raises
        ------
        FileFormatError
            Where it is damaged or missing.
        """
        size = self.size(path)
        try:
            payload = path.read_bytes()
            if self.packed:
                unpacker = zlib.decompressobj()
                payload = unpacker.decompress(payload, size + 1)
                if not unpacker.eof:
                    raise ValueError(f"it does not end after {size} bytes")
            if len(payload) != size:
                raise ValueError(f"it does not hold the {size} bytes that it should")
            return np.frombuffer(payload, self.dtype).reshape(self._form)
        except (OSError, zlib.error, ValueError) as error:
            raise FileFormatError(
                f"{path} is damaged or missing ({str(error)[:200]}): the recording cannot be read."
            ) from error

    @property
    def _form(self) -> tuple[int, ...]:
        """Shape of a chunk."""
        return (self.rows, *([self.width] if self.shape else []), *(max(n, 1) for n in self.shape[1:]))


def _sizes(value: Any) -> tuple[int, ...]:
    """Whole numbers from 0; none where something else is written."""
    sizes = tuple(value) if isinstance(value, list) else ()
    return sizes if all(type(n) is int and 0 <= n <= _LARGEST for n in sizes) else ()
