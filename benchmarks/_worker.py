"""The process of one contender: reads JSON lines, answers JSON lines, does one repetition at a time.

Started by `benchmarks._link` as `python -m benchmarks._worker MODULE CORE THREADS`, in any interpreter that has numpy
and the contender's library. Standard output is kept for the protocol; whatever a library prints goes to standard error.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.metadata
import json
import os
import resource
import sys
import time
import traceback
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from benchmarks._protocol import NotOffered, Task

Reply = dict[str, Any]


def _claim_stdout() -> TextIO:
    """Move the protocol to a private descriptor and send everything else written to descriptor 1 to standard error."""
    private = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(private, "w", buffering=1)


def _pin(core: int) -> None:
    if core >= 0 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def _limit_threads(threads: int) -> None:
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(threads)


def _reset_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _memory_mb() -> tuple[float, float]:
    """Return (resident now, peak resident since the last reset) in MB."""
    try:
        fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
        return int(fields["VmRSS"].split()[0]) / 1024, int(fields["VmHWM"].split()[0]) / 1024
    except (OSError, KeyError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return peak, peak


def resident_mb() -> float:
    """What this process holds in memory now."""
    return _memory_mb()[0]


def _versions(module: Any) -> dict[str, str]:
    found = {}
    for package in getattr(module, "PACKAGES", ()):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    found["python"] = sys.version.split()[0]
    return found


class Worker:
    """Holds the contender's task between requests."""

    def __init__(self, module_name: str, threads: int) -> None:
        self._module_name = module_name
        self._threads = threads
        self._task: Task | None = None
        self._idle_mb = 0.0

    def prepare(self, bench: str, folder: str, options: dict[str, Any]) -> Reply:
        """Import the side file, load the inputs and build the task."""
        start = time.perf_counter()
        module = importlib.import_module(self._module_name)
        _limit_threads(self._threads)
        inputs = {path.stem: np.load(path) for path in sorted(Path(folder).glob("*.npy"))}
        task: Task = module.build(bench, inputs, options)
        self._task = task
        _limit_threads(self._threads)
        self._idle_mb, _ = _memory_mb()
        return {
            "formula": task.formula,
            "notes": list(task.notes),
            "versions": _versions(module),
            "prepare_s": time.perf_counter() - start,
        }

    def check(self, folder: str) -> Reply:
        """Write the arrays to be compared; the first call also pays for lazy compilation, which is reported."""
        start = time.perf_counter()
        arrays = self._ready().check()
        seconds = time.perf_counter() - start
        for name, value in arrays.items():
            np.save(Path(folder) / f"{name}.npy", np.asarray(value))
        return {"names": list(arrays), "check_s": seconds}

    def warm(self, count: int) -> Reply:
        """Repeat without timing, then start the account of peak memory."""
        start = time.perf_counter()
        for _ in range(count):
            self._ready().step()
        seconds = time.perf_counter() - start
        gc.collect()
        _reset_peak()
        return {"warm_s": seconds}

    def repeat(self, burst: int = 0) -> Reply:
        """One timed repetition, or the mean of ``burst`` on end after one untimed; garbage is collected before them."""
        gc.collect()
        if burst:
            self._ready().step()
        start = time.perf_counter()
        own = [self._ready().step() for _ in range(max(1, burst))]
        seconds = time.perf_counter() - start
        return {"seconds": (seconds if own[0] is None else sum(own)) / len(own)}

    def memory(self) -> Reply:
        """Resident memory before the first repetition and at the peak of a repetition, in MB."""
        _, peak = _memory_mb()
        return {"idle_mb": self._idle_mb, "peak_mb": peak}

    def _ready(self) -> Task:
        if self._task is None:
            raise RuntimeError("no task yet: send `prepare` first")
        return self._task


def main() -> None:
    """Answer requests until the input closes."""
    replies = _claim_stdout()
    module_name, core, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    _pin(core)
    worker = Worker(module_name, threads)
    for line in sys.stdin:
        request = json.loads(line)
        method = getattr(worker, request.pop("do"))
        try:
            reply = {"ok": True, **method(**request)}
        except NotOffered as refusal:
            reply = {"ok": False, "refused": True, "error": str(refusal)}
        except Exception as error:  # whatever a foreign library raises becomes a row of the table
            traceback.print_exc()
            reply = {"ok": False, "refused": False, "error": f"{type(error).__name__}: {error}"}
        replies.write(json.dumps(reply) + "\n")


if __name__ == "__main__":
    main()
