"""How much memory is free, and an error where a request needs more."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from ranvier.errors import MemoryLimitError, RanvierError

__all__ = ["free_bytes", "need", "spell", "within_memory"]

#: less than this is always free
_NOTHING = 1 << 15
#: bytes that count as free at most
_most: ContextVar[int | None] = ContextVar("most", default=None)


@contextmanager
def within_memory(size: int) -> Iterator[None]:
    """Let at most ``size`` bytes count as free: what needs more is refused, as on a smaller machine."""
    before = _most.set(size)
    try:
        yield
    finally:
        _most.reset(before)


def need(count: float, what: str, remedy: str, error: type[RanvierError] = MemoryLimitError) -> None:
    """Refuse ``what`` where ``count`` bytes are more than are free.

    Raises
    ------
    MemoryLimitError
        Or ``error``, with both numbers and the remedy.
    """
    if count < _NOTHING:
        return
    free = free_bytes()
    if free is not None and count > free:
        raise error(f"{what} needs {spell(count)} of memory, but {spell(free)} is free: {remedy}.")


def free_bytes() -> int | None:
    """Memory that a process may still take, as far as the system tells."""
    found = [_most.get(), _free_of_machine(), _free_of_group(), _free_of_process()]
    known = [n for n in found if n is not None]
    return min(known) if known else None


def spell(count: float) -> str:
    """A number of bytes with a unit, such as 1.5 GB."""
    for unit in ("B", "KB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} GB" if count < 1000 else f"{count:,.0f} GB" if count < 1e9 else f"{count:.3g} GB"


def _free_of_machine() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return None


def _free_of_group() -> int | None:
    """Memory left under a container's limit; its file cache counts as free."""
    folder = Path("/sys/fs/cgroup")
    try:
        limit, used = ((folder / f"memory.{n}").read_text().strip() for n in ("max", "current"))
        statistics = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return int(limit) - int(used) + int(statistics.get("file", 0)) if limit != "max" else None
    except (OSError, ValueError):
        return None


def _free_of_process() -> int | None:
    """Memory left under a limit on the address space of this process."""
    if sys.platform == "win32":
        return None
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return None
    try:
        mapped = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return limit
    return max(0, limit - mapped)
