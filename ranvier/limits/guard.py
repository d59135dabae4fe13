"""Libraries read untrusted files in a separate process, with bounds on time and memory.

Nothing is pickled on the way: the request goes as JSON, and arrays come back as bytes. ``child`` bars the process
from unpickling, running programs, changing files and opening connections. The process stays for the next file, which
saves the start of an interpreter. Where the system can fork, each file is read in a fork of it: a crash or a hang
ends the fork only.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from ranvier.errors import FileFormatError, MemoryLimitError
from ranvier.limits._files import plain_file
from ranvier.limits._memory import free_bytes, need, spell

__all__ = ["Answer", "Guard", "Reader", "current", "guarded", "use"]

#: limit of time in seconds, for slow disks: a constant, and a multiple of the processor time
_WAITING, _WAITING_FACTOR = 60.0, 4.0
#: time in seconds to start the process and load the libraries
_LOADING = 120.0
_LARGEST_HEADER = 1 << 24
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.stdin.readline()); from ranvier.limits.child import serve; serve()"
)


@dataclass(frozen=True)
class Answer:
    """The answer: ``arrays`` of numbers by name, and ``facts`` as plain data."""

    arrays: Mapping[str, np.ndarray]
    facts: Mapping[str, Any]


def guarded(
    function: str,
    path: Path,
    *,
    needs: Sequence[str] = (),
    seconds: float | None = None,
    waiting: float | None = None,
    **arguments: Any,
) -> Answer:
    """The result of ``function`` on ``path``, read in a separate process.

    Parameters
    ----------
    function
        ``module:name`` of a function ``(path, **arguments) -> (arrays, facts)`` of this package.
    path
        A regular file.
    needs
        Modules it imports; loaded before the bounds hold.
    seconds
        Limit of processor time; grows with the size of the file where None. Systems without timers for it ignore it.
    waiting
        Limit of time, the disk's included; follows from ``seconds`` where None.
    arguments
        Plain data.

    Raises
    ------
    FileFormatError
        Where the reader refuses the file, crashes, or takes longer; the message names the path.
    MemoryLimitError
        Where it needs more memory than is free.
    ModuleNotFoundError
        Where a module of ``needs`` is not installed.
    """
    return current().read(function, path, needs, seconds, waiting, arguments)


class Guard:
    """One process that reads files, and the bounds on it.

    Parameters
    ----------
    start
        Makes the process when the first file is read, and again after one ended it.
    seconds, per_megabyte
        Limit of processor time in seconds: a constant, and a part per megabyte of a file.
    """

    def __init__(
        self, start: Callable[[], Reader] | None = None, *, seconds: float = 3.0, per_megabyte: float = 2.0
    ) -> None:
        self._start, self._seconds, self._per_megabyte = start or Reader, seconds, per_megabyte
        self._lock = threading.Lock()
        #: the process that waits for the next file, where there is one
        self.reader: Reader | None = None

    def read(
        self, function: str, path: Path, needs: Sequence[str] = (), seconds: float | None = None, waiting: float | None = None,
        arguments: Mapping[str, Any] = MappingProxyType({}),
    ) -> Answer:  # fmt: skip
        """As :func:`guarded`."""
        plain_file(path)
        limit = self._seconds + self._per_megabyte * path.stat().st_size / 1e6 if seconds is None else seconds
        waiting = _WAITING + _WAITING_FACTOR * limit if waiting is None else waiting
        job = {"function": function, "path": str(path.absolute()), "arguments": dict(arguments), "needs": list(needs)}
        job |= {"seconds": limit, "waiting": waiting, "bytes": free_bytes()}
        with self._lock:
            header, arrays = self._ready().ask(job, _LOADING + waiting)
        again = "it is damaged; fetch or save it again"
        match header.get("outcome"):
            case "read":
                return Answer(arrays, header["facts"])
            case "missing":
                raise ModuleNotFoundError(str(header["what"]), name=str(header["what"]))
            case "memory":
                raise MemoryLimitError(
                    f"reading {path} needs more memory than the {spell(job['bytes'] or 0)} that is free: it is damaged, or too "
                    "large for this machine."
                )
            case "refused":
                raise FileFormatError(f"{path} cannot be read ({str(header['what'])[:300]}): {again}.")
            case "busy":
                raise FileFormatError(f"{path} was still being read after {limit:.3g} s of processor time: {again}.")
            case "late":
                raise FileFormatError(f"{path} was still being read after {waiting:.3g} s: {again}.")
        raise FileFormatError(f"{path} ended the process that read it ({header.get('what')}): {again}.")

    def _ready(self) -> Reader:
        """The process that waits, or a new one; after a fork, the child has its own."""
        if self.reader is None or not self.reader.alive:
            self.reader = self._start()
        return self.reader


class Reader:
    """A process that reads files, one after another."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}, start_new_session=True,
        )  # fmt: skip
        self._send(sys.path)

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether this process can ask it."""
        return self.owner == os.getpid() and self._process.poll() is None

    def ask(self, job: dict[str, Any], seconds: float) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """The header and the arrays of the answer; the outcome "late" or "ended" where there was none."""
        late = threading.Event()
        watch = threading.Timer(seconds, lambda: (late.set(), self._kill()))
        watch.daemon = True
        watch.start()
        try:
            self._send(job)
            header = json.loads(self._take(min(int.from_bytes(self._take(8), "little"), _LARGEST_HEADER)))
            shapes = header.get("arrays", [])
            size = sum(np.dtype(dtype).itemsize * math.prod(shape) for _, dtype, shape in shapes)
            need(size, "what was read", "use a machine with more memory")
            return header, {name: self._array(dtype, shape) for name, dtype, shape in shapes}
        except (OSError, EOFError, ValueError) as error:
            self.close()
            return {
                "outcome": "late" if late.is_set() else "ended",
                "what": f"exit status {self._process.returncode}, {error}",
            }, {}
        except BaseException:
            self.close()
            raise
        finally:
            watch.cancel()

    def close(self) -> None:
        """End the process and its fork."""
        self._kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                pipe.close()  # pyright: ignore[reportOptionalMemberAccess]

    def _kill(self) -> None:
        """End the process and its fork, which hold the same pipe."""
        if hasattr(os, "killpg") and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()

    def _send(self, value: Any) -> None:
        stream: Any = self._process.stdin
        stream.write(json.dumps(value).encode() + b"\n")
        stream.flush()

    def _take(self, count: int) -> bytes:
        stream: Any = self._process.stdout
        found = stream.read(count)
        if len(found) < count:
            raise EOFError("no answer")
        return found

    def _array(self, dtype: str, shape: list[int]) -> np.ndarray:
        values = np.empty(shape, np.dtype(dtype))
        left: Any = values.reshape(-1).view(np.uint8).data if values.size else b""
        stream: Any = self._process.stdout
        while left:
            got = stream.readinto(left)
            if not got:
                raise EOFError("half an answer")
            left = left[got:]
        return values


_USUAL = Guard()
_chosen: ContextVar[Guard] = ContextVar("guard")


def current() -> Guard:
    """The guard behind :func:`guarded`."""
    return _chosen.get(_USUAL)


@contextmanager
def use(guard: Guard) -> Iterator[Guard]:
    """Let a guard with bounds, or a process, of its own stand behind :func:`guarded`."""
    before = _chosen.set(guard)
    try:
        yield guard
    finally:
        _chosen.reset(before)
