"""One array of a MATLAB 5 file (``.mat``), by name; only arrays of numbers are read."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ranvier.data._events import Events
from ranvier.data.formats.camera import Size, damaged
from ranvier.limits import content, need

__all__ = ["read_array", "read_stmnist"]

_MATRIX, _PACKED = 14, 15
#: element types of the file by number
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
#: classes of arrays that hold numbers: double, single, and whole numbers of 8 to 64 bits
_NUMERIC = range(6, 16)
#: the highest compression ratio of deflate
_DENSEST = 1032


def read_stmnist(path: Path, size: Size) -> Events:
    """ST-MNIST: ``spiketrain`` [101, E], the spikes of 100 taxels (signed) and their times in seconds."""
    train = read_array(path, "spiketrain")
    if train is None or train.ndim != 2 or train.shape[0] != 101:
        raise damaged(path, "holds no array 'spiketrain' of 100 taxels and the time [101, E]")
    taxel, moment = np.nonzero(train[:100])
    on = train[taxel, moment] > 0
    return Events.sorted(np.rint(train[100, moment] * 1e6), on * 100 + taxel, (2, 10, 10))


def read_array(path: Path, name: str) -> np.ndarray | None:
    """The real numbers called ``name``; None where the file does not hold them.

    Raises
    ------
    FileFormatError
        Where the file is damaged or of another version.
    """
    data = content(path, 4)
    order = {b"IM": "<", b"MI": ">"}.get(data[126:128])
    if len(data) < 128 or order is None or data[124:126] not in (b"\0\1", b"\1\0"):
        raise damaged(path, "is no MATLAB file of version 5 (save it with '-v7')")
    for kind, element in _elements(memoryview(data)[128:], order, path):
        if kind == _PACKED:
            need(_DENSEST * len(element) / 100, f"reading {path}", "use a machine with more memory")
            inner = list(_elements(memoryview(_unpacked(element, path)), order, path))
        else:
            inner = [(kind, element)]
        for kind_inside, matrix in inner:
            found = _matrix(matrix, name, order, path) if kind_inside == _MATRIX else None
            if found is not None:
                return found
    return None


def _unpacked(element: memoryview, path: Path) -> bytes:
    unpacker, pieces, total = zlib.decompressobj(), [], 0
    left: bytes | memoryview = element
    try:
        while left and not unpacker.eof:
            pieces.append(unpacker.decompress(left, 1 << 24))
            total += len(pieces[-1])
            need(4 * total, f"reading {path}", "use a machine with more memory")
            left = unpacker.unconsumed_tail
    except zlib.error as error:
        raise damaged(path, f"holds an element that cannot be unpacked ({error})") from error
    if not unpacker.eof:
        raise damaged(path, "ends within a packed element")
    return b"".join(pieces)


def _elements(data: memoryview, order: str, path: Path) -> Iterator[tuple[int, memoryview]]:
    """(type, content) of the elements that follow each other; small ones keep their content inside their tag."""
    at = 0
    while at + 8 <= len(data):
        kind, size = (int(n) for n in np.frombuffer(data[at : at + 8], order + "u4"))
        if kind >> 16:
            size, kind, start = kind >> 16, kind & 0xFFFF, at + 4
            following = at + 8
        else:
            start = at + 8
            following = start + (size if kind == _PACKED else -(-size // 8) * 8)
        if size > len(data) - start or (start == at + 4 and size > 4):
            raise damaged(path, f"promises an element of {size} bytes and holds {len(data) - start}")
        yield kind, data[start : start + size]
        at = following


def _matrix(data: memoryview, name: str, order: str, path: Path) -> np.ndarray | None:
    parts = _elements(data, order, path)
    try:
        (_, flags), (_, sizes), (_, title) = next(parts), next(parts), next(parts)
    except StopIteration:
        raise damaged(path, "holds an array without sizes and a name") from None
    if bytes(title) != name.encode() or len(flags) < 8 or len(sizes) % 4:
        return None
    if int(np.frombuffer(flags[:4], order + "u4")[0]) & 0xFF not in _NUMERIC:
        raise damaged(path, f"holds {name!r} as something other than plain numbers")
    shape = tuple(int(n) for n in np.frombuffer(sizes, order + "i4"))
    kind, numbers = next(parts, (0, memoryview(b"")))
    if kind not in _TYPES or min(shape, default=-1) < 0 or len(numbers) != math.prod(shape) * int(_TYPES[kind][1]):
        raise damaged(path, f"promises {name!r} of shape {shape} and holds {len(numbers)} bytes of type {kind}")
    need(8 * math.prod(shape), f"reading {path}", "use a machine with more memory")
    return np.frombuffer(numbers, order + _TYPES[kind]).astype(np.float64).reshape(shape[::-1]).T
