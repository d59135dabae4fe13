"""Machine code in files: a private folder, one file per key, each checked against its own hash before it is used.

Nothing here is ever required: without a usable folder kernels are compiled anew in each process, after one warning.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from pathlib import Path

from ranvier._files import is_partial, replace_file, sweep
from ranvier._warn import warn

__all__ = ["HEADER", "STORE", "Store", "cache_folder", "cache_size", "clear_cache"]

_MAGIC = b"ranvier kernel 1\n"
#: bytes of a file before the machine code
HEADER = len(_MAGIC) + 64
_SUFFIX = ".kernel"
_LIMIT = 512 << 20


def cache_folder() -> Path:
    """Where compiled kernels are kept: ``$RANVIER_CACHE/kernels``, else ``ranvier/kernels`` among the user's caches."""
    chosen = os.environ.get("RANVIER_CACHE")
    if chosen:
        return Path(chosen).expanduser() / "kernels"
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "ranvier" / "kernels"


def cache_size() -> tuple[int, int]:
    """How many files the folder holds, and their bytes."""
    sizes = [size for _, size, _ in _entries()]
    return len(sizes), sum(sizes)


def clear_cache() -> int:
    """Delete all kernels in the folder; returns how many. Running processes keep their loaded kernels."""
    return STORE.clear()


def _header(key: str, code: bytes) -> bytes:
    """The magic line, the hash in the name of the file, the hash of the code."""
    return _MAGIC + bytes.fromhex(key) + hashlib.sha256(code).digest()


def _entries() -> list[tuple[Path, int, float]]:
    """(file, bytes, time of writing) of all kernels and broken-off writes; files that vanish meanwhile are left out."""
    found = []
    try:
        paths = list(cache_folder().iterdir())
    except (OSError, RuntimeError):
        return []
    for path in paths:
        if path.suffix != _SUFFIX and not is_partial(path.name):
            continue
        try:
            status = path.stat()
        except OSError:
            continue
        found.append((path, status.st_size, status.st_mtime))
    return found


class Store:
    """The files of kernels, as one process or a test uses them: every warning is said once."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def load(self, key: str) -> bytes | None:
        """The machine code kept under ``key``; None when there is none, or none that is whole."""
        folder = self._usable_folder()
        if folder is None:
            return None
        path = folder / (key + _SUFFIX)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self._warn(f"cannot read kernels from {folder} ({error}); they are compiled in each process")
            return None
        code = content[HEADER:]
        if content[:HEADER] != _header(key, code):
            self.discard(key, "the file is damaged")
            return None
        return code

    def save(self, key: str, code: bytes, limit: int = _LIMIT) -> None:
        """Keep machine code under ``key``, whole or not at all; the oldest go where the folder holds more than ``limit`` bytes."""
        folder = self._usable_folder()
        if folder is None:
            return
        try:
            replace_file(folder / (key + _SUFFIX), _header(key, code) + code, sync=False, mode=0o600)
            sweep(folder)
            self._trim(limit)
        except OSError as error:
            reason = error.strerror or error.__cause__ or error
            self._warn(
                f"cannot write kernels to {folder} ({reason}); each process compiles them; RANVIER_CACHE names another folder"
            )

    def discard(self, key: str, reason: str) -> None:
        """Delete the file of ``key`` and say why, once."""
        path = cache_folder() / (key + _SUFFIX)
        self._remove(path)
        self._warn(f"the compiled kernel {path} was deleted and is compiled anew: {reason}")

    def clear(self) -> int:
        """Delete all kernels in the folder; returns how many. Running processes keep their loaded kernels."""
        entries = _entries()
        for path, _, _ in entries:
            self._remove(path)
        return len(entries)

    def _usable_folder(self) -> Path | None:
        """The folder, made if need be; None, with one warning, unless it is this user's alone to write."""
        try:
            folder = cache_folder()
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = folder.stat()
        except (OSError, RuntimeError) as error:  # RuntimeError: there is no home folder
            self._warn(f"no folder for compiled kernels ({error}), so each process compiles them; set RANVIER_CACHE")
            return None
        if hasattr(os, "getuid"):
            if status.st_uid != os.getuid():
                self._warn(
                    f"the kernel folder {folder} belongs to user {status.st_uid} and is not used; set RANVIER_CACHE"
                )
                return None
            if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                self._warn(
                    f"others may write to the kernel folder {folder}, so it is not used; run: chmod 700 {folder}"
                )
                return None
        return folder

    def _trim(self, limit: int) -> None:
        """Delete the oldest kernels while the folder holds more than ``limit`` bytes."""
        entries = _entries()
        total = sum(size for _, size, _ in entries)
        for path, size, _ in sorted(entries, key=lambda entry: entry[2]):
            if total <= limit:
                return
            self._remove(path)
            total -= size

    def _remove(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            self._warn(f"cannot delete {path} ({error})")

    def _warn(self, message: str) -> None:
        if message not in self._said:
            self._said.add(message)
            warn(message)


#: that of this process
STORE = Store()
