"""The clock of a thread: where a run stands, in an array that a driver writes and every kernel that it calls reads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from llvmlite import ir

from ranvier.kernels.cpu.llvm.functions import at

__all__ = ["Clock", "clocks", "show"]

#: ``part`` of a kernel that is called; step ``n`` of the run; ``end`` of the slice of steps; first cell ``low`` of a ``block``;
#: how often the thread has ``met`` the others (:mod:`.meeting`);
#: what stays: number of the run's ``first`` step, steps from sample to sample, steps of history, this thread and all
_FIELDS = ("part", "n", "end", "low", "block", "met", "first", "every", "depth", "thread", "threads")
#: numbers from clock to clock: no two share a cache line, or one that is fetched with it
_APART = 32


class Clock:
    """Reads and writes the clock at ``array`` (i64*) by name, where the builder stands."""

    def __init__(self, builder: ir.IRBuilder, array: ir.Value) -> None:
        self.builder, self.array = builder, array

    def __getitem__(self, name: str) -> ir.Value:
        return self.builder.load(at(self.builder, self.array, _FIELDS.index(name)))

    def set(self, name: str, value: ir.Value) -> None:
        """Write a field."""
        self.builder.store(value, at(self.builder, self.array, _FIELDS.index(name)))


def clocks(threads: int, **given: int) -> list[torch.Tensor]:
    """A clock for each thread that shows the ``given`` fields."""
    out = np.zeros((threads, _APART), np.int64)
    out[:, _FIELDS.index("thread")], out[:, _FIELDS.index("threads")] = np.arange(threads), threads
    made = list(torch.from_numpy(out).unbind())
    show(made, **given)
    return made


def show(clocks: Sequence[torch.Tensor], **given: int) -> None:
    """Set fields of all clocks."""
    for name, value in given.items():
        for clock in clocks:
            clock.numpy()[_FIELDS.index(name)] = value
