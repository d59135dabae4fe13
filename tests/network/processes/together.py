"""Processes that are threads of this one: they exchange by shared memory, so that tests of what they compute are quick."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import torch

from ranvier.distributed import Processes
from ranvier.errors import ProcessError


class Meeting:
    """Where ``count`` threads lay down what they have, and take what the others have."""

    def __init__(self, count: int) -> None:
        self.barrier, self.table = threading.Barrier(count, timeout=60), [torch.empty(0)] * count
        self.rounds = 0

    def exchange(self, rank: int, own: torch.Tensor) -> list[torch.Tensor]:
        self.table[rank] = own.clone()
        self.barrier.wait()
        found = list(self.table)
        self.barrier.wait()
        self.rounds += rank == 0
        return found


class Threads(Processes):
    """One of the processes of a meeting."""

    def __init__(self, rank: int, meeting: Meeting) -> None:
        super().__init__(rank, len(meeting.table))
        self.meeting = meeting

    def gather(self, own: torch.Tensor) -> list[torch.Tensor]:
        try:
            return self.meeting.exchange(self.rank, own)
        except threading.BrokenBarrierError as error:
            raise ProcessError("another process has ended") from error


def together(count: int, work: Callable[[Processes], Any]) -> list[Any]:
    """``work(processes)`` of each of ``count`` processes; the first error is raised, of those that caused the others."""
    meeting = Meeting(count)
    results: list[Any] = [None] * count
    errors: list[BaseException] = []

    def one(rank: int) -> None:
        try:
            results[rank] = work(Threads(rank, meeting))
        except BaseException as error:
            errors.append(error)
            meeting.barrier.abort()

    threads = [threading.Thread(target=one, args=(rank,)) for rank in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results
