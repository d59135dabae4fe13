"""Checks before a file is read: a regular file, of a size that fits, whose content expands within bounds."""

from __future__ import annotations

import gzip
import os
import stat
import zlib
from pathlib import Path
from typing import Any

from ranvier.errors import FileFormatError
from ranvier.limits._memory import need, spell

__all__ = ["content", "plain_file"]

_CHUNK = 1 << 20
#: a compressed table that grows by more than this, and beyond the size, is refused
_MOST_GROWTH, _SMALL = 200, 64 << 20


def plain_file(path: Any, what: str = "file", most: int | None = None) -> Path:
    """``path``, where it is a regular file of at most ``most`` bytes; links are followed.

    Raises
    ------
    FileFormatError
        For a folder, a pipe, a device, a missing or larger file, and for what is not a path.
    """
    if not isinstance(path, str | os.PathLike):
        raise FileFormatError(f"{path!r} is not a path: give the name of a {what}.")
    path = Path(os.fsdecode(path))
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise FileFormatError(f"{path} does not exist: give the name of a {what}.") from error
    except (OSError, ValueError) as error:
        raise FileFormatError(f"{str(path)[:200]!r} cannot be opened ({error}): give the name of a {what}.") from error
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe, a device or a socket"
        raise FileFormatError(f"{path} is {kind}: give the name of a {what}.")
    if most is not None and status.st_size > most:
        raise FileFormatError(
            f"{path} has {status.st_size:,} bytes, more than the {most:,} of a {what}: it is damaged or another file."
        )
    return path


def content(path: Path, growth: float = 1.0) -> bytes:
    """The bytes of a regular file, unpacked where its name ends in ``.gz``.

    Parameters
    ----------
    path
        Where it is.
    growth
        Bytes of memory that the caller needs for each byte of content, its own included.

    Raises
    ------
    FileFormatError
        Where it is not a regular file, damaged, or a compressed file that grows more than two hundredfold.
    MemoryLimitError
        Where the memory is not free.
    """
    plain_file(path)
    packed = path.suffix == ".gz"
    try:
        size = path.stat().st_size
        need(growth * size, f"reading {path}", "read a part of it, or use a machine with more memory")
        if not packed:
            return path.read_bytes()
        with gzip.open(path) as file:
            return _unpack(file, path, size, growth)
    except (OSError, EOFError, zlib.error) as error:
        raise FileFormatError(f"{path} cannot be read ({str(error)[:200]}): fetch or save it again.") from error


def _unpack(file: gzip.GzipFile, path: Path, size: int, growth: float) -> bytes:
    pieces, total = [], 0
    while piece := file.read(_CHUNK):
        pieces.append(piece)
        total += len(piece)
        if total > max(_SMALL, _MOST_GROWTH * size):
            raise FileFormatError(
                f"{path} has {spell(size)} and unpacks to more than {spell(total)}, over {_MOST_GROWTH} times as much: "
                "unpack it yourself if that is intended."
            )
        if total % (16 * _CHUNK) < _CHUNK:
            need(growth * total, f"reading {path}", "read a part of it, or use a machine with more memory")
    return b"".join(pieces)
