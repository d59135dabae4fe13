"""Arrays of an ``.npz`` or ``.npy`` file: never unpickled, and read only after their sizes agree."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import numpy as np

from ranvier.errors import FileFormatError, RanvierError
from ranvier.limits._files import plain_file
from ranvier.limits._memory import need

__all__ = ["read_npy", "read_npz"]

_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_READERS: dict[tuple[int, int], Any] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npz(path: Path, names: Iterable[str], optional: Iterable[str] = ()) -> dict[str, np.ndarray]:
    """The arrays ``names`` of an ``.npz`` file, and those of ``optional`` that it holds; all others are ignored.

    Raises
    ------
    FileFormatError
        Where the file is not a zip file of plain arrays, one is missing, holds Python objects, or is not of its declared size.
    MemoryLimitError
        Where the arrays do not fit into memory.
    """
    plain_file(path)
    again = "fetch or save it again"
    try:
        with zipfile.ZipFile(path) as archive:
            held = {info.filename: info for info in archive.infolist()}
            names = list(names)
            missing = [n for n in names if f"{n}.npy" not in held]
            if missing:
                raise FileFormatError(f"{path} holds no array {missing[0]!r}: {again}.")
            chosen = [held[f"{n}.npy"] for n in (*names, *optional) if f"{n}.npy" in held]
            if any(info.compress_type not in _PLAIN for info in chosen):
                raise FileFormatError(f"{path} is compressed by a method that numpy does not use: {again}.")
            need(2 * sum(info.file_size for info in chosen), f"reading {path}", "use a machine with more memory")
            found = {}
            for info in chosen:
                with archive.open(info) as file:
                    found[info.filename.removesuffix(".npy")] = _array(file, info.file_size, f"{path}: {info.filename}")
            return found
    except RanvierError:
        raise
    except Exception as error:  # damaged headers reach the tokenizer, damaged archives every decoder
        raise FileFormatError(f"{path} is not a readable .npz file ({str(error)[:200]}): {again}.") from error


def read_npy(path: Path) -> np.ndarray:
    """The array of an ``.npy`` file.

    Raises
    ------
    FileFormatError
        Where the file is not a plain array, or not of its declared size.
    MemoryLimitError
        Where it does not fit into memory.
    """
    plain_file(path)
    try:
        size = path.stat().st_size
        need(size, f"reading {path}", "use a machine with more memory")
        with open(path, "rb") as file:
            return _array(file, size, str(path))
    except RanvierError:
        raise
    except Exception as error:  # damaged headers reach the tokenizer, damaged archives every decoder
        raise FileFormatError(f"{path} is not a readable .npy file ({str(error)[:200]}): fetch it again.") from error


def _array(file: IO[bytes], size: int, where: str) -> np.ndarray:
    """One array; the size in its header must equal the number of bytes."""
    version = np.lib.format.read_magic(file)
    if version not in _READERS:
        raise FileFormatError(f"{where} has version {version} of the format: save it with numpy again.")
    shape, fortran, dtype = _READERS[version](file)
    if dtype.hasobject:
        raise FileFormatError(f"{where} holds Python objects, which could run any code: save plain numbers.")
    held = size - file.tell()
    if any(n < 0 for n in shape) or math.prod(shape) * dtype.itemsize != held:
        raise FileFormatError(
            f"{where} promises {dtype} of shape {shape} and holds {held} bytes: fetch or save it again."
        )
    values = np.frombuffer(file.read(held), dtype)
    return values.reshape(shape[::-1]).T if fortran else values.reshape(shape)
