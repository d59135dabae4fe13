"""The child process of a guarded reader: it loads the libraries, and for each file a fork sets bounds, reads and answers."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from types import CodeType
from typing import Any, BinaryIO

import numpy as np

__all__ = ["Forbidden", "forbid", "read", "serve"]

#: audit events that no reader needs
_FORBIDDEN = frozenset({
    "pickle.find_class", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.startfile", "subprocess.Popen",
    "socket.connect", "socket.bind", "socket.getaddrinfo", "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink",
    "os.truncate", "os.chmod", "os.chown", "os.utime", "os.setxattr", "shutil.rmtree", "shutil.move", "webbrowser.open", "ctypes.dlopen",
})  # fmt: skip
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
#: whether the audit hook, which cannot be removed, is active
_watching: list[bool] = []


class Forbidden(BaseException):
    """A file makes a library do what no reader needs. The library cannot catch it."""


def serve() -> None:
    """Answer the requests of standard input until it ends."""
    sys.dont_write_bytecode = True
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is not part of an answer
    forbid()
    answer = _answer_apart if hasattr(os, "fork") else _answer
    for line in sys.stdin:
        job = json.loads(line)
        try:
            for needed in (*job["needs"], job["function"].partition(":")[0]):
                import_module(needed)
        except ModuleNotFoundError as error:
            _send(output, {"outcome": "missing", "what": error.name or str(error)})
        except Exception as error:  # a library that is installed and cannot be loaded
            _send(output, {"outcome": "refused", "what": f"{type(error).__name__}: {error}"})
        else:
            answer(job, output)


def forbid() -> None:
    """From now on this process raises where a file makes a library do what no reader needs."""
    sys.addaudithook(_watch)


def _answer_apart(job: dict[str, Any], output: BinaryIO) -> None:
    """Answer from a fork of this process, which keeps its modules and takes nothing over from the file."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            os.close(reading)
            _answer(job, output, begin=lambda: os.write(writing, b"!"))
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    begun = os.read(reading, 1)
    os.close(reading)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if begun and code:
        sys.exit("half an answer cannot be taken back")
    if not begun:
        reason = {-signal.SIGPROF: "busy", -signal.SIGALRM: "late"}.get(code, "ended")
        _send(output, {"outcome": reason, "what": f"exit status {code}"})


def _answer(job: dict[str, Any], output: BinaryIO, begin: Callable[[], object] = lambda: None) -> None:
    """Read the file, call ``begin``, and send the answer."""
    header, arrays = read(job)
    begin()
    _send(output, header, arrays.values())


def read(job: dict[str, Any]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The header and the arrays of the answer to ``job``, read within its bounds."""
    arrays: dict[str, np.ndarray] = {}
    try:
        module, _, name = job["function"].partition(":")
        function = getattr(import_module(module), name)
        _bound(job["seconds"], job["waiting"], job["bytes"])
        _watching.append(True)
        given, facts = function(Path(job["path"]), **job["arguments"])
        arrays = {name: np.ascontiguousarray(values) for name, values in given.items()}
        header = {"outcome": "read", "facts": facts}
        header["arrays"] = [[name, values.dtype.str, list(values.shape)] for name, values in arrays.items()]
        if any(values.dtype.kind not in "biuf" for values in arrays.values()):
            header = {"outcome": "refused", "what": "it holds something other than numbers"}
    except ModuleNotFoundError as error:
        header = {"outcome": "missing", "what": error.name or str(error)}
    except MemoryError:
        header = {"outcome": "memory"}
    except BaseException as error:  # libraries written in Rust raise outside Exception
        header = {"outcome": "refused", "what": str(error) or type(error).__name__}
    _watching.clear()
    _end_timers()
    return header, arrays if header["outcome"] == "read" else {}


def _send(output: BinaryIO, header: dict[str, Any], arrays: Iterable[np.ndarray] = ()) -> None:
    text = json.dumps(header).encode()
    output.write(len(text).to_bytes(8, "little") + text)
    for values in arrays:
        output.write(values.reshape(-1).view(np.uint8).data if values.size else b"")
    output.flush()


def _bound(seconds: float, waiting: float, memory: int | None) -> None:
    """Limits for one file: processor time, time, and the memory that was free."""
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for kind, number, limit in (
        (signal.ITIMER_PROF, signal.SIGPROF, seconds),
        (signal.ITIMER_REAL, signal.SIGALRM, waiting),
    ):
        signal.signal(number, signal.SIG_DFL)
        signal.setitimer(kind, limit)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if memory is None or hard != resource.RLIM_INFINITY:
        return
    try:
        mapped = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return
    resource.setrlimit(resource.RLIMIT_AS, (mapped + memory, hard))


def _end_timers() -> None:
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching:
        return
    if event in _FORBIDDEN:
        raise Forbidden(f"it calls {event}, which no reader needs")
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITES:
        raise Forbidden(f"it tries to write to {arguments[0]!r}")
    if event == "exec" and _is_text(arguments[0]) and not _importing():
        raise Forbidden("it holds code to be run")


def _is_text(code: Any) -> bool:
    return isinstance(code, CodeType) and code.co_filename == "<string>"


def _importing() -> bool:
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
