"""Files that appear whole or not at all, in a folder that is tried before the work starts."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ranvier.errors import RanvierError

__all__ = ["prepare", "write"]


def prepare(folder: str | Path) -> Path:
    """Make ``folder`` if need be and try to write in it.

    Raises
    ------
    RanvierError
        When no file can be made there, with the reason.
    """
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
        handle, trial = tempfile.mkstemp(prefix=".trial-", dir=path)
        os.close(handle)
        os.unlink(trial)
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        raise RanvierError(
            f"cannot write into the folder {str(path)!r} ({getattr(error, 'strerror', None) or error}); give one that you may write in with --out"
        ) from error
    return path


def write(path: Path, text: str) -> Path:
    """Write ``text`` beside ``path`` and rename it there: a reader never sees half a file.

    Raises
    ------
    RanvierError
        When the disk is full or the folder is gone; what was there before stays.
    """
    trial = None
    try:
        handle, trial = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(trial, 0o644)
        os.replace(trial, path)
    except OSError as error:
        if trial is not None and os.path.exists(trial):
            os.unlink(trial)
        raise RanvierError(
            f"cannot write {str(path)!r} ({error.strerror}); make room or give another folder with --out"
        ) from error
    return path
