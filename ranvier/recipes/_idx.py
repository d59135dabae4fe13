"""The IDX files in which MNIST and its kin are kept: a header, then bytes."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np

from ranvier.errors import FileFormatError

__all__ = ["read_idx"]


def read_idx(path: str | Path) -> np.ndarray:
    """An array of bytes from a gzipped IDX file: 0, 0, 8, number of axes, the length of each (big-endian), the bytes.

    Raises
    ------
    FileFormatError
        Where the file is missing, damaged or of another kind, with the remedy.
    """
    try:
        with gzip.open(path) as file:
            raw = file.read()
    except FileNotFoundError as error:
        raise FileFormatError(
            f"there is no {path}: install the Debian package dataset-fashion-mnist, or name the folder that holds it."
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise FileFormatError(f"{path} is no readable gzip file ({error}): copy it again.") from error
    axes = raw[3] if len(raw) > 3 and raw[:3] == b"\x00\x00\x08" else 0
    if not 0 < axes < 8 or len(raw) < 4 + 4 * axes:
        raise FileFormatError(f"{path} is no IDX file of bytes: it begins with {raw[:4]!r}.")
    shape = struct.unpack(f">{axes}I", raw[4 : 4 + 4 * axes])
    if len(raw) - 4 - 4 * axes != int(np.prod(shape, dtype=np.int64)):
        raise FileFormatError(
            f"{path} holds {len(raw) - 4 - 4 * axes} bytes for an array of shape {shape}: copy it again."
        )
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * axes).reshape(shape).copy()
