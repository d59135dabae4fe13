"""Processor time and peak memory of a piece of work, measured in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ranvier.errors import RanvierError

__all__ = ["alone", "peak", "resident", "say"]

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
#: freed memory goes back to the system at once, so that the highest resident memory is that of the work; this takes time
_QUIET = {"MALLOC_TRIM_THRESHOLD_": "0", "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1"}


def alone(module: str, *arguments: int, memory: bool = True) -> dict[str, dict[str, float]]:
    """What ``report(*arguments)`` of ``module`` says, called in a new process; where ``memory``, freed memory is given back at once.

    Raises
    ------
    RanvierError
        Where that process fails.
    """
    call = f"from {module} import report; report({', '.join(map(str, arguments))})"
    done = subprocess.run(
        [sys.executable, "-c", call], capture_output=True, text=True, env={**os.environ, **(_QUIET if memory else {})}
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise RanvierError(f"the process that measures {module} ended with {done.returncode}: {last[0]}")
    return json.loads(done.stdout.splitlines()[-1])


def say(found: dict[str, dict[str, float]]) -> None:
    """Hand ``found`` to the process that called :func:`alone`."""
    sys.stdout.write(json.dumps(found) + "\n")


def resident() -> float | None:
    """MB of resident memory; None where the system does not tell (only Linux does)."""
    return _now("VmRSS")


def peak(work: Callable[[], Any], tries: int, before: float | None) -> dict[str, float]:
    """``"s"``: processor seconds of ``work``, the fastest of ``tries``; ``"MB"``: its highest resident memory beyond ``before``."""
    if before is not None:
        _CLEAR.write_text("5", encoding="ascii")  # the highest resident memory starts anew
    seconds = []
    for _ in range(tries):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    found = {"s": min(seconds)}
    highest = _now("VmHWM")
    return found if before is None or highest is None else {**found, "MB": max(highest - before, 0.0)}


def _now(key: str) -> float | None:
    if not _STATUS.is_file():
        return None
    line = next(s for s in _STATUS.read_text(encoding="ascii").splitlines() if s.startswith(key))
    return int(line.split()[1]) / 1024
