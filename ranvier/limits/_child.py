"""The child process of a guarded reader: for each file it sets bounds, calls the library and answers."""

from __future__ import annotations

import json
import os
import sys
import time
from importlib import import_module
from pathlib import Path
from types import CodeType
from typing import Any, BinaryIO

import numpy as np

__all__ = ["Forbidden", "serve"]

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
    sys.addaudithook(_watch)
    for line in sys.stdin:
        _answer(json.loads(line), output)


def _answer(job: dict[str, Any], output: BinaryIO) -> None:
    arrays: dict[str, np.ndarray] = {}
    try:
        module, _, name = job["function"].partition(":")
        for needed in (*job["needs"], module):
            import_module(needed)
        function = getattr(import_module(module), name)
        _bound(job["seconds"], job["bytes"])
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
    text = json.dumps(header).encode()
    output.write(len(text).to_bytes(8, "little") + text)
    if header["outcome"] == "read":
        for values in arrays.values():
            output.write(values.reshape(-1).view(np.uint8).data if values.size else b"")
    output.flush()


def _bound(seconds: int, memory: int | None) -> None:
    """Limits for one file: processor time, and the memory that was free."""
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + seconds + 1, hard))
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if memory is None or hard != resource.RLIM_INFINITY:
        return
    try:
        mapped = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return
    resource.setrlimit(resource.RLIMIT_AS, (mapped + memory, hard))


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
