"""A readable description beside its tensors, replaced in one atomic step and believed only after checks.

The tensor file is named after its own hash. Writing puts the new tensors beside the old ones, then replaces the
description, which names them; so at every moment the folder holds the old pair or the new one, whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import torch

from ranvier._files import is_partial, made_folder, replace_file, sweep, write_error
from ranvier.errors import FileFormatError
from ranvier.limits import need
from ranvier.network.saving._tensor_file import pieces_of, read_tensors

__all__ = ["Kind", "holds_pair", "read_pair", "tidy", "write_pair"]

#: a description larger than this is not a description
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

    def owns(self, name: str) -> bool:
        """Whether a file of this name holds tensors of such a pair."""
        return re.fullmatch(rf"{self.stem}-[0-9a-f]{{16}}\.safetensors", name) is not None


def write_pair(folder: Path, kind: Kind, description: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> None:
    """Write or replace the pair in ``folder``; on any error what was there before is untouched.

    A new folder first gets a description that marks it as unfinished, so that the next call recognises the remains of a
    killed process.

    Raises
    ------
    FileFormatError
        Where ``folder`` is a file, or a folder that holds something else.
    WriteError
        From the file system, for example where the disk is full.
    """
    found, size = hashlib.sha256(), 0
    for piece in pieces_of(tensors):
        found.update(piece)
        size += len(piece)
    sha256 = found.hexdigest()
    footer = {"tensors": {"bytes": size, "sha256": sha256}}
    text = json.dumps({**_header(kind), **description, **footer}, indent=1, ensure_ascii=False, allow_nan=False)
    _claim(folder, kind)
    weights, path = folder / kind.tensors(sha256), folder / kind.description
    with made_folder(folder):
        first, fresh = not os.path.exists(path), not os.path.exists(weights)
        try:
            if first:
                replace_file(path, _unfinished(kind))
            replace_file(weights, pieces_of(tensors))
            replace_file(path, text.encode())
        except BaseException:
            for made in ([weights] if fresh else []) + ([path] if first else []):
                with suppress(OSError):
                    made.unlink(missing_ok=True)
            raise
    tidy(folder, kind, sha256)


def holds_pair(folder: Path, kind: Kind) -> bool:
    """Whether ``folder`` holds a complete pair."""
    path, unfinished = folder / kind.description, _unfinished(kind)
    try:
        return path.stat().st_size != len(unfinished) or path.read_bytes() != unfinished
    except (FileNotFoundError, ValueError):  # ValueError: a name with a zero byte
        return False
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read ({error.strerror}): check permissions and disk.") from error


def tidy(folder: Path, kind: Kind, sha256: str) -> None:
    """Remove the tensors of earlier pairs, and what broken-off writes left; ``sha256`` is the hash of the tensors in use."""
    with suppress(OSError):
        for name in os.listdir(folder):
            if kind.owns(name) and name != kind.tensors(sha256):
                os.unlink(folder / name)
    sweep(folder)


def read_pair(folder: Path, kind: Kind) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Read the pair in ``folder``, hash checked; nothing is executed, unpickled or changed.

    Raises
    ------
    FileFormatError
        Naming the file, what is wrong with it and what to do.
    """
    if not os.path.isdir(folder):
        what = "is a file" if os.path.exists(folder) else "does not exist"
        raise FileFormatError(
            f"{folder} {what}: give the folder of a saved {kind.name}, which holds {kind.description}."
        )
    path = folder / kind.description
    description = _read_json(path, kind)
    if description.get("format") != f"ranvier {kind.name}":
        found = description.get("format")
        raise FileFormatError(f"{path} is not a saved {kind.name} (its format is {found!r}): give another folder.")
    if description.get("version") != kind.version:
        raise FileFormatError(
            f"{path} has version {description.get('version')!r} of the format, this program reads {kind.version}: "
            f"install the release of ranvier that wrote it."
        )
    if description.get("unfinished"):
        raise FileFormatError(f"{path} holds the beginning of an interrupted write: save the {kind.name} again.")
    entry = description.get("tensors")
    sha256, size = (entry.get("sha256"), entry.get("bytes")) if isinstance(entry, dict) else (None, None)
    if not isinstance(sha256, str) or not _HASH.fullmatch(sha256) or not isinstance(size, int):
        raise FileFormatError(f"{path} does not say which tensors belong to it; save the {kind.name} again.")
    return description, _read_tensors(folder / kind.tensors(sha256), sha256, size, kind)


def _header(kind: Kind) -> dict[str, Any]:
    return {"format": f"ranvier {kind.name}", "version": kind.version}


def _unfinished(kind: Kind) -> bytes:
    """The description of a pair whose writing has only begun."""
    return json.dumps({**_header(kind), "unfinished": True}, indent=1).encode()


def _claim(folder: Path, kind: Kind) -> None:
    """Refuse a folder that holds something else."""
    if not os.path.exists(folder):
        return
    if not os.path.isdir(folder):
        raise FileFormatError(f"{folder} is a file: give the name of a folder, which will hold {kind.description}.")
    path, begin = folder / kind.description, f'{{"format":"ranvier{kind.name}"'.encode()
    try:
        if not os.path.exists(path):
            foreign = [name for name in os.listdir(folder) if not is_partial(name, kind.description)]
            if foreign:
                found = f"{folder} holds other files and no {kind.description}"
                raise FileFormatError(f"{found} ({min(foreign)!r}): choose a new or an empty folder.")
            return
        with path.open("rb") as file:
            found = b"".join(file.read(2 * len(begin)).split())
    except OSError as error:
        raise write_error(folder, error) from error
    if not begin.startswith(found[: len(begin)]):
        raise FileFormatError(f"{path} is not a saved {kind.name}: choose a new or an empty folder.")


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
    with _opened(path, size, kind) as file:
        held = os.fstat(file.fileno()).st_size
        if held != size:
            raise FileFormatError(f"{path} has {held} bytes instead of {size}: {again}.")
        need(size, f"reading {path}", "use a machine with more memory")
        try:
            tensors, found = read_tensors(file, size)
        except OSError as error:
            raise FileFormatError(f"{path} cannot be read ({error.strerror}): check permissions and disk.") from error
    if found != sha256:
        raise FileFormatError(f"{path} has the hash {found[:12]}… instead of {sha256[:12]}…: {again}.")
    if tensors is None:
        raise FileFormatError(f"{path} is not a safetensors file: {again}.")
    return tensors


def _read_bytes(path: Path, most: int, kind: Kind) -> bytes:
    """The bytes of a regular file of at most ``most`` bytes."""
    with _opened(path, most, kind) as file:
        try:
            return file.read()
        except OSError as error:
            raise FileFormatError(f"{path} cannot be read ({error.strerror}): check permissions and disk.") from error


def _opened(path: Path, most: int, kind: Kind) -> BinaryIO:
    """A regular file of at most ``most`` bytes, open to be read."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise FileFormatError(f"{path} is not a regular file: give the folder of a saved {kind.name}.")
        if status.st_size > most:
            found = f"{path} has {status.st_size} bytes instead of at most {most}"
            raise FileFormatError(f"{found}: it is damaged or was replaced; save the {kind.name} again.")
        return path.open("rb")
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
