"""Where data lie on this machine, and whether they are what they were."""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterable
from pathlib import Path

from ranvier.data._errors import DataError
from ranvier.errors import FileFormatError
from ranvier.limits import plain_file

__all__ = ["find", "is_offline", "optional", "roots", "verified"]

_CHUNK = 2**20


def roots(folder: str | os.PathLike[str] | None) -> tuple[Path, ...]:
    """Folders that may hold sets: ``folder`` alone where given; else that of ``RANVIER_DATA``, then ``data``."""
    if folder is not None:
        return (Path(folder).expanduser(),)
    named = os.environ.get("RANVIER_DATA")
    return (Path(named).expanduser(),) if named else (Path("data"),)


def is_offline() -> bool:
    """True where ``RANVIER_OFFLINE`` is set to anything but 0: nothing is fetched."""
    return os.environ.get("RANVIER_OFFLINE", "0") not in ("", "0")


def find(needed: Iterable[str], places: Iterable[Path], name: str, source: str) -> Path:
    """The first of ``places`` that holds all files ``needed``.

    Raises
    ------
    DataError
        Where none does; the message names them all, and where the set comes from.
    """
    needed, places = list(needed), list(places)
    for place in places:
        if all(os.path.exists(place / file) for file in needed):
            return place
    looked = ", ".join(map(str, places)) or "no folder"
    raise DataError(
        f"{name}: no folder holds {', '.join(needed)}; looked in {looked}. Get it from {source} and name the folder above it "
        "with folder=… or RANVIER_DATA."
    )


def verified(path: Path, pin: str) -> Path:
    """``path``, after comparing its SHA-256 (of the content, where it is a .gz file) with ``pin``.

    Raises
    ------
    FileFormatError
        Where they differ, or the file is damaged.
    """
    plain_file(path)
    digest = hashlib.sha256()
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except (OSError, EOFError, zlib.error) as error:
        raise FileFormatError(f"{path} cannot be read ({error}); fetch it again") from error
    if digest.hexdigest() != pin:
        raise FileFormatError(
            f"{path} is not the file that was pinned: SHA-256 {digest.hexdigest()[:16]}… instead of {pin[:16]}…; fetch it again, or pass "
            "verify=False to use it as it is"
        )
    return path


def optional(module: str, purpose: str) -> str:
    """The sentence for a missing package of the extra ``data``."""
    return f"{purpose} needs the package {module!r}, which is not installed: pip install 'ranvier[data]'"
