"""The IDX files in which MNIST and similar sets are stored: a header, then bytes."""

from __future__ import annotations

import math
import os
import struct

import numpy as np

from ranvier.errors import FileFormatError
from ranvier.limits import content, plain_file

__all__ = ["read_idx"]


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """The array of bytes of an IDX file, packed with gzip or not: 0, 0, 8, number of axes, the length of each, the bytes.

    Raises
    ------
    FileFormatError
        Where the file is missing, damaged or of another type.

    Examples
    --------
    >>> images = rv.data.read_idx("images.idx")
    """
    path = plain_file(path, "IDX file")
    data = content(path, 2)
    axes = data[3] if data[:3] == b"\0\0\x08" and len(data) > 3 else 0
    if not 0 < axes < 8 or len(data) < 4 + 4 * axes:
        raise FileFormatError(
            f"{path} begins with {data[:4]!r}; an IDX file of bytes begins with 00 00 08: fetch it again."
        )
    shape = struct.unpack(f">{axes}I", data[4 : 4 + 4 * axes])
    values = np.frombuffer(data, np.uint8, offset=4 + 4 * axes)
    if values.size != math.prod(shape):
        raise FileFormatError(f"{path} promises {shape} bytes and holds {values.size}: fetch it again.")
    return values.reshape(shape).copy()
