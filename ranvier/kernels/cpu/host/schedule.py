"""A list of kernel calls repeated step by step, without returning to Python in between.

A call's pointers move by a fixed number of bytes from one step to the next; its integers stay. Calls may be confined
to a range of steps. One compiled driver walks the list for every step, forwards or backwards.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
from llvmlite import ir

from ranvier.kernels.cpu.host.checked import Place
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.signature import Array, Signature
from ranvier.kernels.cpu.llvm.functions import I8, I64, at, counted, local, when
from ranvier.kernels.pool import run_tiles

__all__ = ["HEAD", "Call", "Repeated", "Schedule", "Turns", "driver", "run_queues", "run_turns"]

Tensor = torch.Tensor
_FOREVER = 1 << 62
#: words before a call's pointers: address, pointers, integers, first step, step after the last
HEAD = 5


class Call:
    """One kernel in every step of ``[first, stop)``, with all its arguments by name.

    An array that moves from step to step is a :class:`.checked.Place`; integers are the same at every step. ``arrays`` are those
    given, in the order of the signature; they live as long as the call.

    Raises
    ------
    TypeError, ValueError
        As :attr:`.routine.Routine.run`.
    """

    __slots__ = ("_words", "arrays", "first", "routine", "stop")

    def __init__(self, routine: Routine, /, **given: Any) -> None:
        self._hold(routine, routine.words(**given), [given[n] for n in routine.signature.arrays])

    @classmethod
    def of(cls, routine: Routine, words: Sequence[int], arrays: Sequence[Tensor | Place | None]) -> Call:
        """A call of which :meth:`.routine.Routine.words` are known."""
        made = cls.__new__(cls)
        made._hold(routine, words, arrays)
        return made

    def _hold(self, routine: Routine, words: Sequence[int], arrays: Sequence[Tensor | Place | None]) -> None:
        self.routine, self._words, self.arrays = routine, words, tuple(arrays)
        self.first, self.stop = 0, _FOREVER

    def between(self, first: int, stop: int = _FOREVER) -> Call:
        """The same in steps ``[first, stop)`` only."""
        self.first, self.stop = first, stop
        return self

    @property
    def words(self) -> list[int]:
        """The words for the driver: head, pointers with their bytes per step, and integers."""
        signature = self.routine.signature
        sizes = [len(signature.arrays), len(signature.integers)]
        return [self.routine.kernel.address, *sizes, self.first, self.stop, *self._words]


class Turns(NamedTuple):
    """Calls that are repeated ``count`` times, the last time first where ``reverse``."""

    calls: Sequence[Call]
    count: int = 1
    reverse: bool = False


class Schedule:
    """Calls in the order they run within a step."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self._calls = tuple(calls)
        words: list[int] = []
        for call in calls:
            words += call.words
        words = words or [0]
        self._words = bytearray(struct.pack(f"={len(words)}q", *words))
        self._table = torch.frombuffer(self._words, dtype=torch.int64)
        self._width = max((len(call.routine.signature.arrays) for call in calls), default=0)

    def run(self, start: int, stop: int, reverse: bool = False) -> None:
        """All calls of steps ``start`` up to ``stop``, or from the last of them down."""
        if not self._calls or start >= stop:
            return
        room = torch.empty(self._width, dtype=torch.int64)
        calls = len(self._calls)
        driver().run(table=self._table, room=room, calls=calls, start=start, stop=stop, reverse=reverse)


def run_turns(turns: Turns) -> None:
    """Run calls as often as they say."""
    Schedule(turns.calls).run(0, turns.count, turns.reverse)


class Repeated(Schedule):
    """Calls for one step, run again and again; addresses of arrays may be replaced in between (``words[place] = address``)."""

    def __init__(self, calls: Sequence[Call]) -> None:
        super().__init__(calls)
        self.words = memoryview(self._words).cast("q")
        self._room = torch.empty(self._width, dtype=torch.int64)
        given = {"table": self._table, "room": self._room, "calls": len(self._calls)}
        #: runs all calls once
        self.go = driver().prepared(**given, start=0, stop=1, reverse=False)

    def places(self, call: Call, name: str) -> list[int]:
        """Where the address of the array ``name`` of a call stands in ``words``."""
        out, first = [], 0
        for own in self._calls:
            if own is call:
                out.append(first + HEAD + 2 * own.routine.signature.places[name][1])
            first += len(own.words)
        return out


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
def driver() -> Routine:
    """Walks ``table``, the words of ``calls`` calls, for steps ``start`` to ``stop``; ``room`` is for the pointers of one call."""
    arrays = {"table": Array(I64, None), "room": Array(I64, None)}
    f = Signature(arrays, ("calls", "start", "stop", "reverse")).open("run_schedule")
    b = f.builder
    table, room = f["table", "room"]
    calls, start, stop, reverse = f.integers()
    signature = ir.FunctionType(ir.VoidType(), [I8.as_pointer().as_pointer(), I64.as_pointer(), I8.as_pointer()])
    backwards = b.icmp_signed("!=", reverse, I64(0))
    nothing = ir.Constant(I8.as_pointer(), None)
    with counted(b, start, stop) as n:
        step = b.select(backwards, b.sub(b.add(start, b.sub(stop, n)), I64(1)), n)
        place = local(b, table)
        with counted(b, 0, calls):
            head = b.load(place)
            address, pointers, integers, first, last = (b.load(at(b, head, i)) for i in range(HEAD))
            fixed = at(b, head, b.add(b.shl(pointers, I64(1)), I64(HEAD)))
            inside = b.and_(b.icmp_signed("<=", first, step), b.icmp_signed("<", step, last))
            with when(b, inside):
                with counted(b, 0, pointers) as k:
                    pair = at(b, head, b.add(b.shl(k, I64(1)), I64(HEAD)))
                    moved = b.mul(step, b.load(at(b, pair, 1)))
                    b.store(b.add(b.load(pair), moved), at(b, room, k))
                kernel = b.inttoptr(address, signature.as_pointer())
                b.call(kernel, [b.bitcast(room, I8.as_pointer().as_pointer()), fixed, nothing])
            b.store(at(b, fixed, integers), place)
    return f.compile()
