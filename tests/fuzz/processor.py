"""Processor time of a process and of all that it started, and their end."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

__all__ = ["end_family", "spent", "spent_by_family"]


def _numbers(process: int | str) -> list[int]:
    """Parent, and clock ticks of the process and of its children that ended: user, system, user, system."""
    with suppress(OSError):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return [int(fields[1]), *map(int, fields[11:15])]
    return [0, 0, 0, 0, 0]


def _family(process: int) -> dict[int, list[int]]:
    """The numbers of ``process`` and of its descendants."""
    every = {int(p.name): _numbers(p.name) for p in Path("/proc").iterdir() if p.name.isdecimal()}
    found, open_ = {}, [process]
    while open_:
        one = open_.pop()
        found[one] = every.get(one, [0])
        open_ += [n for n, numbers in every.items() if numbers[0] == one]
    return found


def spent(process: int) -> float:
    """Seconds of ``process`` and of its children that ended."""
    return sum(_numbers(process)[1:]) / os.sysconf("SC_CLK_TCK")


def spent_by_family(process: int) -> float:
    """Seconds of ``process`` and of all that it started, still at work or not."""
    return sum(sum(numbers[1:]) for numbers in _family(process).values()) / os.sysconf("SC_CLK_TCK")


def end_family(process: int) -> None:
    """Kill ``process`` and all that it started."""
    for one in _family(process):
        with suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)
