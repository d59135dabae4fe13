"""A recorded variable on disk, of which only what is asked for is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ranvier.network.recording._zarr import GrowingArray

__all__ = ["RecordedArray"]


class RecordedArray(np.lib.mixins.NDArrayOperatorsMixin):  # typos: ignore
    """Rows [samples, cells, …] on disk.

    An index reads its own chunks: ``v[:100]`` a hundred samples, ``v[:, 3]`` one cell, ``v[-1]`` the last sample. Arithmetic,
    functions and methods of NumPy read the whole array, and so does ``np.asarray(v)``, which gives a plain array.
    """

    def __init__(self, source: GrowingArray, rows: int | None = None) -> None:
        self._source = source
        self.shape = (source.rows if rows is None else min(rows, source.rows), *source.layout.shape)
        self.dtype = source.layout.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        keys = list(key) if isinstance(key, tuple) else [key]
        if any(k is None or k is Ellipsis or (not isinstance(k, slice) and np.asarray(k).dtype == bool) for k in keys):
            return np.asarray(self)[key]
        picked = [p for k, n in zip(keys[:2], self.shape, strict=False) if (p := _picked(k, n)) is not None]
        if not keys or len(picked) < min(len(keys), 2) or len(keys) > self.ndim:
            return np.asarray(self)[key]
        (rows, row), *across = picked
        first, end = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, 0)
        block = self._source.read(first, end, np.asarray(across[0][0], np.int64) if across else None)
        if len(rows) != end - first:
            block = block[np.asarray(rows, np.int64) - first]
        return block[(row, *(k for _, k in across), *keys[2:])]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("a recording on disk has no array in memory: leave copy=False out.")
        rows = self._source.read(0, self.shape[0])
        return rows if dtype is None else rows.astype(dtype, copy=False)

    def __array_ufunc__(self, function: np.ufunc, method: str, *inputs: Any, **how: Any) -> Any:
        return getattr(function, method)(*(np.asarray(x) if isinstance(x, RecordedArray) else x for x in inputs), **how)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # the protocols of other libraries would be given an array that nothing holds
            raise AttributeError(f"a recorded array has no {name!r}: write np.asarray(…) for a plain array.")
        return getattr(np.asarray(self), name)

    def __repr__(self) -> str:
        return f"RecordedArray({list(self.shape)}, {self.dtype}, in {self._source.folder})"


def _picked(key: Any, size: int) -> tuple[np.ndarray | range, Any] | None:
    """Entries of an axis in rising order, and the index into them that gives ``key``; None for an index of another kind."""
    if isinstance(key, slice):
        found = range(*key.indices(size))
        return (found, slice(None)) if found.step > 0 else (found[::-1], slice(None, None, -1))
    wanted = np.asarray(key)
    if wanted.ndim > 1 or not (np.issubdtype(wanted.dtype, np.integer) or not wanted.size):
        return None
    wanted = wanted.astype(np.int64)
    if ((wanted < -size) | (wanted >= size)).any():
        raise IndexError(f"index {key!r} is out of bounds for an axis of {size} entries.")
    found, place = np.unique(np.where(wanted < 0, wanted + size, wanted), return_inverse=True)
    return found, place.reshape(wanted.shape) if wanted.ndim else int(place.reshape(-1)[0])
