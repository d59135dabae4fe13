"""A readable description beside its tensors, replaced in one atomic step and believed only after checks.

The tensor file is called after its own hash. Writing puts the new tensors beside the old ones, then replaces the
description, which names them; so at every moment the folder holds the old pair or the new one, whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from ranvier.errors import FileFormatError

__all__ = ["Kind", "read_pair", "write_file", "write_pair"]

#: a description larger than this is no description
_LARGEST = 256 << 20
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Kind:
    """What a folder holds: ``name`` for messages, the file of the description, the stem of the tensors, the version."""

    name: str
    description: str
    stem: str
    version: int

    def tensors(self, sha256: str) -> str:
        """Name of the tensor file with this hash."""
        return f"{self.stem}-{sha256[:16]}.safetensors"


def write_pair(folder: Path, kind: Kind, description: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> None:
    """Write or replace the pair in ``folder``; on any error what was there before is untouched.

    Raises
    ------
    FileFormatError
        Where ``folder`` is a file, or a folder that holds something else.
    OSError
        From the file system, for example where the disk is full.
    """
    made = _claim(folder, kind)
    payload = save({n: t.detach().cpu().contiguous().clone() for n, t in tensors.items()})
    sha256 = hashlib.sha256(payload).hexdigest()
    header = {"format": f"ranvier {kind.name}", "version": kind.version}
    footer = {"tensors": {"bytes": len(payload), "sha256": sha256}}
    text = json.dumps({**header, **description, **footer}, indent=1, ensure_ascii=False, allow_nan=False)
    weights = folder / kind.tensors(sha256)
    fresh = not weights.exists()
    try:
        write_file(weights, payload)
        write_file(folder / kind.description, text.encode())
    except BaseException:
        with suppress(OSError):
            if fresh:
                weights.unlink(missing_ok=True)
            if made:
                folder.rmdir()
        raise
    for old in folder.glob(f"{kind.stem}-*.safetensors"):
        if old != weights:
            with suppress(OSError):
                old.unlink()


def write_file(path: Path, payload: bytes) -> None:
    """Write a file whole or not at all: a temporary neighbour, flushed to the disk, takes its place at the end."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def read_pair(folder: Path, kind: Kind) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Read the pair in ``folder``, hash checked; nothing is executed, unpickled or changed.

    Raises
    ------
    FileFormatError
        Naming the file, what is wrong with it and what to do.
    """
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise FileFormatError(
            f"{folder} {what}: give the folder of a saved {kind.name}, which holds {kind.description}."
        )
    path = folder / kind.description
    description = _read_json(path, kind)
    if description.get("format") != f"ranvier {kind.name}":
        found = description.get("format")
        raise FileFormatError(f"{path} is no saved {kind.name} (its format is {found!r}): give another folder.")
    if description.get("version") != kind.version:
        raise FileFormatError(
            f"{path} has version {description.get('version')!r} of the format, this program reads {kind.version}: "
            f"install the release of ranvier that wrote it."
        )
    entry = description.get("tensors")
    sha256, size = (entry.get("sha256"), entry.get("bytes")) if isinstance(entry, dict) else (None, None)
    if not isinstance(sha256, str) or not _HASH.fullmatch(sha256) or not isinstance(size, int):
        raise FileFormatError(f"{path} does not say which tensors belong to it; save the {kind.name} again.")
    return description, _read_tensors(folder / kind.tensors(sha256), sha256, size, kind)


def _claim(folder: Path, kind: Kind) -> bool:
    """Make the folder; True where it was not there before. A folder that holds something else is not taken over."""
    if folder.exists() and not folder.is_dir():
        raise FileFormatError(f"{folder} is a file: give the name of a folder, which will hold {kind.description}.")
    if not folder.exists():
        folder.mkdir(parents=True)
        return True
    if any(folder.iterdir()) and not (folder / kind.description).exists():
        raise FileFormatError(f"{folder} holds other files and no {kind.description}: choose a new or an empty folder.")
    return False


def _read_json(path: Path, kind: Kind) -> dict[str, Any]:
    again = f"it is damaged; save the {kind.name} again"
    payload = _read_bytes(path, _LARGEST, kind)
    try:
        value = json.loads(payload.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_no_repeats)
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{path} is not UTF-8 text (byte {error.start}): {again}.") from error
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"{path} cannot be read as JSON ({str(error)[:200]}): {again}.") from error
    if not isinstance(value, dict):
        raise FileFormatError(f"{path} holds a {type(value).__name__}, not an object: {again}.")
    return value


def _read_tensors(path: Path, sha256: str, size: int, kind: Kind) -> dict[str, torch.Tensor]:
    again = f"it is damaged or was replaced; copy it from where it was saved, or save the {kind.name} again"
    payload = _read_bytes(path, size, kind)
    if len(payload) != size:
        raise FileFormatError(f"{path} has {len(payload)} bytes instead of {size}: {again}.")
    found = hashlib.sha256(payload).hexdigest()
    if found != sha256:
        raise FileFormatError(f"{path} has the hash {found[:12]}… instead of {sha256[:12]}…: {again}.")
    try:
        return load(payload)
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError, OverflowError) as error:
        raise FileFormatError(f"{path} is not a safetensors file ({str(error)[:200]}): {again}.") from error


def _read_bytes(path: Path, most: int, kind: Kind) -> bytes:
    """The bytes of a regular file of at most ``most`` bytes."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise FileFormatError(f"{path} is not a regular file: give the folder of a saved {kind.name}.")
        if status.st_size > most:
            found = f"{path} has {status.st_size} bytes instead of at most {most}"
            raise FileFormatError(f"{found}: it is damaged or was replaced; save the {kind.name} again.")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise FileFormatError(f"{path} is missing: give the whole folder of a saved {kind.name}.") from error
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read ({error.strerror}): check permissions and disk.") from error


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a finite number")


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        raise ValueError("a name occurs twice in one object")
    return out


def _umask() -> int:
    """The permissions that new files are denied; it can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
