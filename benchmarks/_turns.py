"""Calls beside one another in one process, in turn (A B A B …)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["Calls", "in_turn"]

Calls = Mapping[str, Callable[[], Any]]


def in_turn(calls: Calls, rounds: int, times: int, clock: Callable[[], float]) -> dict[str, list[float]]:
    """Microseconds of a call in every round, by name; a round takes each call ``times`` times, after one that is not counted."""
    found: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            call()
            start = clock()
            for _ in range(times):
                call()
            if turn:
                found[name].append(1e6 * (clock() - start) / times)
    return found
