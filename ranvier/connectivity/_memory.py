"""How much memory a projection will take, told and checked before it is built."""

from __future__ import annotations

import os
from pathlib import Path

from ranvier.connectivity._connectivity import Connectivity, ConnectivityError, Ends

__all__ = ["check_memory", "free_bytes", "spell"]


def free_bytes() -> int | None:
    """Memory that a process may still take, as far as the system tells."""
    found = [_free_of_machine(), _free_of_group()]
    known = [n for n in found if n is not None]
    return min(known) if known else None


def check_memory(rule: Connectivity, ends: Ends, per_synapse: int, name: str) -> tuple[int, int]:
    """Expected synapses and bytes at the highest point of building.

    Raises
    ------
    ConnectivityError
        Where that is more than is free.
    """
    synapses = rule.expected(ends)
    needed = synapses * (per_synapse + rule.scratch) + 8 * ends.sizes[0]
    free = free_bytes()
    if free is not None and needed > free:
        raise ConnectivityError(
            f"{name}: {rule!r} makes about {synapses:,} synapses of {per_synapse} bytes and needs {spell(needed)} to build "
            f"them, but {spell(free)} is free: use fewer synapses, one number instead of a distribution, or a machine with "
            f"more memory."
        )
    return synapses, needed


def spell(count: float) -> str:
    """A number of bytes as people write it."""
    for unit in ("B", "KB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} GB" if count < 1000 else f"{count:,.0f} GB"


def _free_of_machine() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return None


def _free_of_group() -> int | None:
    """What a container's limit leaves; file cache of the group counts as free."""
    folder = Path("/sys/fs/cgroup")
    try:
        limit, used = ((folder / f"memory.{n}").read_text().strip() for n in ("max", "current"))
        statistics = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return int(limit) - int(used) + int(statistics.get("file", 0)) if limit != "max" else None
    except (OSError, ValueError):
        return None
