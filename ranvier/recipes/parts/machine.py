"""What the figures were computed with: versions, processor, threads."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from ranvier import __version__

__all__ = ["device", "one_thread", "threads", "versions"]

_PACKAGES = ("torch", "numpy", "scipy", "llvmlite", "sympy", "scikit-learn", "matplotlib")


def one_thread() -> AbstractContextManager[None]:
    """Let torch compute in one thread: for small batches more of them only wait for one another."""
    return threads(1)


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Let torch compute in so many threads; None changes nothing."""
    before = torch.get_num_threads()
    torch.set_num_threads(before if count is None else count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def device() -> str:
    """Processor, cores and threads in one line."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = torch.get_num_threads()
    plural = "s" * (cores != 1), "s" * (threads != 1)
    return f"{_processor()}, {cores} core{plural[0]}, {threads} thread{plural[1]}, {platform.system()}"


def versions() -> dict[str, str]:
    """Versions by name: this package, Python, and what does the arithmetic."""
    found = {"ranvier": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named and named[0] else platform.processor() or platform.machine()
