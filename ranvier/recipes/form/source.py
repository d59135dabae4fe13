"""The inputs of trials beside settings: the code of the package and of the recipe, and the files of a user's data."""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import ranvier
from ranvier.errors import RanvierError

__all__ = ["Stamp", "fingerprint", "stamp"]

#: name, size and time of change of each file
Stamp = tuple[tuple[str, int, int], ...]


def fingerprint(function: Callable[..., Any]) -> str:
    """A hash of the whole package and of the module of ``function``; of its bytecode where it has no file."""
    home = sys.modules.get(function.__module__ or "")
    if home is None or getattr(home, "__file__", None) is None:  # typed into a notebook
        own = function.__code__.co_code
    else:
        own = Path(inspect.getfile(home)).read_bytes()
    return hashlib.sha256(_package() + own).hexdigest()


@lru_cache(maxsize=1)
def _package() -> bytes:
    root = Path(inspect.getfile(ranvier)).parent
    total = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        total.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return total.digest()


def stamp(folder: Path | None) -> Stamp:
    """Name, size and time of change of every file below ``folder``; nothing where that is None.

    Raises
    ------
    RanvierError
        Where there is no such folder.
    """
    if folder is None:
        return ()
    try:
        if not folder.is_dir():
            raise RanvierError(f"there is no folder {str(folder)!r}; name the one that holds the data.")
        files = [(str(p.relative_to(folder)), p.stat()) for p in sorted(folder.rglob("*")) if p.is_file()]
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        raise RanvierError(
            f"cannot read the folder {str(folder)!r} ({error}); name the one that holds the data."
        ) from None
    return tuple((name, s.st_size, s.st_mtime_ns) for name, s in files)
