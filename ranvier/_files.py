"""Files that are written whole or not at all, whatever ends the process or fills the disk.

A write goes to a temporary neighbour (``.NAME.xxxxxxxx.partial``), which takes the place of the file in one atomic step.
The writer locks its neighbour. A neighbour without a lock was left by a process that died, and is removed.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ranvier.errors import WriteError

try:
    import fcntl
except ImportError:  # Windows removes no file that is open, so it needs no lock
    fcntl = None

__all__ = ["Payload", "is_partial", "made_folder", "make_folder", "replace_file", "sweep", "write_error"]

#: bytes, or pieces of them in order
Payload = bytes | memoryview | Iterable[bytes | memoryview]
_PARTIAL = re.compile(r"\.(?P<name>.+)\.[a-z0-9_]{8}\.partial", re.DOTALL)
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
#: letters of the name that a temporary neighbour repeats; the limit of file systems is 255
_LONGEST = 200
_REMEDIES = {
    errno.ENOSPC: "make room on the disk, or give a folder on another one",
    errno.EDQUOT: "make room within your quota, or give a folder on another disk",
    errno.EFBIG: "raise the limit of file sizes (ulimit -f), or record less",
    errno.EACCES: "give a folder that you may write in",
    errno.EPERM: "give a folder that you may write in",
    errno.EROFS: "give a folder on a disk that is not read-only",
    errno.ENOENT: "make the folder first",
    errno.ENOTDIR: "give a path in which every part but the last is a folder",
    errno.EISDIR: "give the name of a file",
    errno.ENAMETOOLONG: "give a shorter name",
}


def write_error(path: str | os.PathLike[str], error: OSError | ValueError) -> WriteError:
    """``error`` of the file system at ``path`` as an error of the package; an error of the package stays as it is."""
    if isinstance(error, WriteError):
        return error
    if isinstance(error, ValueError):  # a zero byte
        return WriteError(f"{os.fspath(path)!r} cannot be written ({error}): give the name of a file or folder.")
    remedy = _REMEDIES.get(error.errno or 0, "check the disk, or give a folder on another one")
    made = WriteError(f"{os.fspath(path)} cannot be written ({error.strerror or error}): {remedy}.")
    made.errno = error.errno
    return made


def replace_file(path: Path, payload: Payload, *, sync: bool = True, mode: int = 0o666) -> None:
    """Write ``path`` whole or not at all; ``sync`` waits until the disk has it. Pieces are written one after the other.

    Raises
    ------
    WriteError
        From the file system; what was there before is untouched.
    """
    temporary = None
    try:
        handle, temporary = _open(path, mode)
        try:
            for piece in _pieces(payload):
                _write(handle, piece)
            if sync:
                os.fsync(handle)
            if fcntl is None:
                os.close(handle)
                handle = -1
            os.replace(temporary, path)
            temporary = None
        finally:
            if handle >= 0:
                os.close(handle)
        if sync:
            _sync_folder(path.parent)
    except (OSError, ValueError) as error:
        raise write_error(path, error) from error
    finally:
        if temporary is not None:
            with suppress(OSError):
                os.unlink(temporary)


def is_partial(name: str, of: str | None = None) -> bool:
    """Whether a file of this name is an unfinished write; ``of`` limits the question to one file."""
    found = _PARTIAL.fullmatch(name)
    return found is not None and (of is None or found["name"] == of[:_LONGEST])


def sweep(folder: Path, of: str | None = None) -> None:
    """Remove remains of interrupted writes from ``folder``: of the file ``of``, or of all. Current writes stay."""
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        if is_partial(name, of):
            with suppress(OSError):
                _remove_stale(os.path.join(folder, name))


def make_folder(folder: Path) -> Path:
    """Make ``folder`` and those above it, where they are missing.

    Raises
    ------
    WriteError
        From the file system.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise write_error(folder, error) from error
    return folder


@contextmanager
def made_folder(folder: Path) -> Iterator[None]:
    """Make ``folder`` and those above it; where the body raises, those that were made are removed again.

    Raises
    ------
    WriteError
        From the file system.
    """
    missing = [f for f in (folder, *folder.parents) if not os.path.exists(f)]
    try:
        make_folder(folder)
        yield
    except BaseException:
        for made in missing:
            with suppress(OSError, ValueError):
                made.rmdir()
        raise


def _open(path: Path, mode: int) -> tuple[int, str]:
    """A new neighbour of ``path``, locked; its handle and name."""
    while True:
        name = f".{path.name[:_LONGEST]}.{os.urandom(4).hex()}.partial"
        temporary = os.path.join(path.parent, name)
        handle = os.open(temporary, _FLAGS, mode)
        if fcntl is None:
            return handle, temporary
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:  # a file system without locks
            return handle, temporary
        if os.fstat(handle).st_nlink:
            return handle, temporary
        os.close(handle)  # another process removed it before it was locked


def _pieces(payload: Payload) -> Iterable[bytes | memoryview]:
    return (payload,) if isinstance(payload, bytes | memoryview) else payload  # pyright: ignore[reportReturnType]


def _write(handle: int, payload: bytes | memoryview) -> None:
    left = memoryview(payload)
    while left:
        left = left[os.write(handle, left) :]


def _remove_stale(path: str) -> None:
    """Remove a temporary neighbour that no process holds."""
    if fcntl is None:
        os.unlink(path)
        return
    handle = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | os.O_NONBLOCK)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(path)
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    """Flush the names in a folder to disk, where the system can."""
    if fcntl is None:
        return
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
