"""A list of kernel calls repeated step by step, without returning to Python in between.

A call's pointers move by a fixed number of bytes from one step to the next; its integers stay. Calls may be confined
to a range of steps. One compiled driver walks the list for every step, forwards or backwards.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from llvmlite import ir

from ranvier.kernels.cpu.llvm.functions import I8, I64, at, counted, function, local, when
from ranvier.kernels.cpu.llvm.jit import Kernel, compile_kernel
from ranvier.kernels.pool import run_tiles

__all__ = ["Call", "Schedule", "run_queues"]

_FOREVER = 1 << 62
_HEAD = 5  # words before a call's pointers: address, pointers, integers, first step, step after the last


@dataclass(frozen=True)
class Call:
    """One kernel in every step of ``[first, stop)``.

    ``pointers`` are (address at step 0, bytes from one step to the next); ``integers`` are the same at every step;
    ``keep`` is memory that lives as long as the call.
    """

    kernel: Kernel
    pointers: Sequence[tuple[int, int]]
    integers: Sequence[int]
    first: int = 0
    stop: int = _FOREVER
    keep: tuple[object, ...] = ()


class Schedule:
    """Calls in the order they run within a step; whoever makes one keeps the memory they point at alive."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self._calls = tuple(calls)
        words: list[int] = []
        for call in calls:
            words += [call.kernel.address, len(call.pointers), len(call.integers), call.first, call.stop]
            words += [word for pair in call.pointers for word in pair]
            words += call.integers
        self._table = np.frombuffer(struct.pack(f"={len(words)}q", *words), np.int64)
        self._width = max((len(call.pointers) for call in calls), default=0)

    def run(self, start: int, stop: int, reverse: bool = False) -> None:
        """All calls of steps ``start`` up to ``stop``, or from the last of them down."""
        if not self._calls or start >= stop:
            return
        room = np.empty(self._width, np.int64)
        _driver()([self._table.ctypes.data, room.ctypes.data], [len(self._calls), start, stop, reverse])


def run_queues(
    queues: Sequence[Sequence[tuple[int, Schedule]]], reverse: bool = False, only: Sequence[int] | None = None
) -> None:
    """Schedules with their numbers of turns: one queue for each thread; ``only`` some turns, where they are named."""

    def work(k: int) -> None:
        for turns, schedule in queues[k]:
            for start, stop in [(0, turns)] if only is None else [(turn, turn + 1) for turn in only]:
                schedule.run(start, stop, reverse)

    run_tiles(work, len(queues))


@cache
def _driver() -> Kernel:
    """Pointers: table, room for the pointers of a call. Integers: calls, first step, step after the last, backwards."""
    f = function("run_schedule")
    b = f.builder
    table, room = f.pointers(0, I64), f.pointers(1, I64)
    calls, start, stop, reverse = (f.integer(i) for i in range(4))
    signature = ir.FunctionType(ir.VoidType(), [I8.as_pointer().as_pointer(), I64.as_pointer(), I8.as_pointer()])
    backwards = b.icmp_signed("!=", reverse, I64(0))
    nothing = ir.Constant(I8.as_pointer(), None)
    with counted(b, start, stop) as n:
        step = b.select(backwards, b.sub(b.add(start, b.sub(stop, n)), I64(1)), n)
        place = local(b, table)
        with counted(b, 0, calls):
            head = b.load(place)
            address, pointers, integers, first, last = (b.load(at(b, head, i)) for i in range(_HEAD))
            fixed = at(b, head, b.add(b.shl(pointers, I64(1)), I64(_HEAD)))
            inside = b.and_(b.icmp_signed("<=", first, step), b.icmp_signed("<", step, last))
            with when(b, inside):
                with counted(b, 0, pointers) as k:
                    pair = at(b, head, b.add(b.shl(k, I64(1)), I64(_HEAD)))
                    moved = b.mul(step, b.load(at(b, pair, 1)))
                    b.store(b.add(b.load(pair), moved), at(b, room, k))
                kernel = b.inttoptr(address, signature.as_pointer())
                b.call(kernel, [b.bitcast(room, I8.as_pointer().as_pointer()), fixed, nothing])
            b.store(at(b, fixed, integers), place)
    return compile_kernel(f.module.name, f.text())
