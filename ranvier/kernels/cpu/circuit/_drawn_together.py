"""Threads that draw rows together: each draws some, and adds to its own cells from all.

All spikes that arrive in a slice of steps are in one order, whichever thread's cells fired, and known when it begins. Every thread draws
the rows of as many of them, one thread's behind another's; when all are done it looks in each row, in the step of its arrival, for its
own cells, which lie together. Rows of two slices have places of their own, so that a thread may begin the next slice while others
still read. Where a slice has too many rows, those of each step are drawn in the step, in rounds of as many as there is
room for.
"""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir

from ranvier.kernels.cpu.circuit._drawn import DrawnRow, add_to_targets, arriving
from ranvier.kernels.cpu.host.barrier import Barrier
from ranvier.kernels.cpu.host.clock import Clock
from ranvier.kernels.cpu.host.meeting import meet
from ranvier.kernels.cpu.llvm.functions import I32, I64, again, at, counted, local, offset, pointed, when

__all__ = ["AHEAD", "deliver_together", "draw_ahead"]

#: what a thread knows of the rows drawn ahead: spikes of each thread (0 where there are too many), those of the slice whose rows were
#: added, and slices so far
_SHARE, _SEEN, _COUNT = range(3)
#: numbers of these
AHEAD = 3
#: what is done with a list of spikes, of which ``count`` from ``start`` on are those of the step; a loop over lists
_Use = Callable[[ir.Value, ir.Value, ir.Value], object]
_Lists = Callable[[_Use], None]


def draw_ahead(b: ir.IRBuilder, kind: str, values: dict, clock: ir.Value) -> None:
    """Draw this thread's part of the rows of the spikes that arrive in the clock's slice; those of other threads are there when all have
    met. ``kind`` names the kernel that draws."""
    time, ahead = Clock(b, clock), values["ahead"]
    steps = _steps(b, values, time)
    total = _count(b, steps)
    share = b.udiv(b.add(total, b.sub(time["threads"], I64(1))), time["threads"])
    fits = b.icmp_signed("<=", share, values["most"])
    b.store(b.select(fits, share, I64(0)), at(b, ahead, _SHARE))
    b.store(I64(0), at(b, ahead, _SEEN))
    with when(b, fits):
        count = b.load(at(b, ahead, _COUNT))
        _draw(b, kind, values, steps, _part(b, I64(0), time["thread"], share, total), b.and_(count, I64(1)))
        b.store(b.add(count, I64(1)), at(b, ahead, _COUNT))


def deliver_together(
    b: ir.IRBuilder, kind: str, values: dict, fired: ir.Value, step: ir.Value, clock: ir.Value
) -> None:  # fmt: skip
    """Add the weight for every target of the spikes of step ``fired`` of the call, which arrive in ``step``, to the ring.

    ``kind`` names the kernel that draws.
    """
    time, ahead, most = Clock(b, clock), values["ahead"], values["most"]
    lists = _lists(b, values, time, fired)
    total, threads, here = _count(b, lists), time["threads"], arriving(b, values, step)
    share = b.load(at(b, ahead, _SHARE))
    with when(b, b.icmp_signed(">", total, I64(0))), b.if_else(b.icmp_signed(">", share, I64(0))) as (drawn, rounds):
        with drawn:
            seen = b.load(at(b, ahead, _SEEN))
            until = b.add(seen, total)
            turn = b.and_(b.sub(b.load(at(b, ahead, _COUNT)), I64(1)), I64(1))
            with counted(b, b.udiv(seen, share), threads) as other:
                first, end = _part(b, I64(0), other, share, until)
                begin = b.select(b.icmp_signed(">", first, seen), first, seen)
                _add(b, values, here, other, (b.sub(begin, first), b.sub(end, first)), turn)
            b.store(until, at(b, ahead, _SEEN))
        with rounds:
            width = b.mul(most, threads)
            with counted(b, 0, total, width) as begin:
                turn = b.and_(b.udiv(begin, width), I64(1))
                _draw(b, kind, values, lists, _part(b, begin, time["thread"], most, total), turn)
                meet(b, time, values["meetings"])
                with counted(b, 0, threads) as other:
                    first, end = _part(b, begin, other, most, total)
                    _add(b, values, here, other, (I64(0), b.sub(end, first)), turn)
            meet(b, time, values["meetings"])


def _steps(b: ir.IRBuilder, values: dict, time: Clock) -> _Lists:
    """A loop over the lists of all spikes that arrive in the clock's slice, step by step."""

    def each(use: _Use) -> None:
        with counted(b, time["n"], time["end"]) as n:
            _lists(b, values, time, b.sub(n, values["latency"]))(use)

    return each


def _count(b: ir.IRBuilder, lists: _Lists) -> ir.Value:
    """How many spikes are in lists."""
    total = local(b, I64(0))
    lists(lambda spikes, start, count: b.store(b.add(b.load(total), count), total))
    return b.load(total)


def _lists(b: ir.IRBuilder, values: dict, time: Clock, fired: ir.Value) -> _Lists:
    """A loop over the lists of step ``fired``, in order: spikes, the first of the step, and how many. That of the steps before
    the call is one, those of the call are of one thread each."""
    thread, threads = time["thread"], time["threads"]
    barrier = Barrier(b, values["flags"], thread, threads)
    before = b.icmp_signed("<", fired, I64(0))
    place = b.select(before, b.add(time["depth"], fired), fired)

    def each(use: _Use) -> None:
        with counted(b, 0, b.select(before, I64(1), threads)) as k:
            barrier.wait(k, b.add(fired, I64(1)))
            spikes, bounds = (
                b.select(before, values[past], pointed(b, values[table], k, kind))
                for past, table, kind in (("past", "lists", I32), ("past_bounds", "borders", I64))
            )
            start = b.load(at(b, bounds, place))
            use(spikes, start, b.sub(b.load(at(b, bounds, b.add(place, I64(1)))), start))

    return each


def _draw(
    b: ir.IRBuilder, kind: str, values: dict, lists: _Lists, part: tuple[ir.Value, ir.Value], turn: ir.Value
) -> None:  # fmt: skip
    """Rows of the spikes [first, end) of all, to the places of ``turn``: their targets, and where each row begins and the last ends."""
    (first, end), row, place = part, DrawnRow(b, kind, values), b.mul(turn, values["room"])
    start = at(b, values["row_start"], b.mul(turn, b.add(values["most"], I64(1))))
    seen, rows, top = local(b, I64(0)), local(b, I64(0)), local(b, place)
    b.store(place, start)

    def own(spikes: ir.Value, begin: ir.Value, count: ir.Value) -> None:
        before = b.load(seen)
        low, high = b.sub(first, before), b.sub(end, before)
        low = b.select(b.icmp_signed(">", low, I64(0)), low, I64(0))
        with counted(b, low, b.select(b.icmp_signed("<", high, count), high, count)) as k:
            b.store(row.of(offset(b, b.load(at(b, spikes, b.add(begin, k)))), b.load(top)), top)
            b.store(b.add(b.load(rows), I64(1)), rows)
            b.store(b.load(top), at(b, start, b.load(rows)))
        b.store(b.add(before, count), seen)

    lists(own)


def _add(
    b: ir.IRBuilder, values: dict, here: ir.Value, other: ir.Value, rows: tuple[ir.Value, ir.Value], turn: ir.Value
) -> None:
    """Add the weight for the own targets of rows [first, end) that a thread drew to the places of ``turn``."""
    target = pointed(b, values["all_targets"], other, I32)
    start = pointed(b, values["all_starts"], other, I64)
    start, weight = at(b, start, b.mul(turn, b.add(values["most"], I64(1)))), b.load(values["weight"])
    with counted(b, *rows) as k:
        low, high = (b.load(at(b, start, b.add(k, I64(n)))) for n in (0, 1))
        low = _search(b, target, low, high, values["low"])
        add_to_targets(b, here, target, low, _search(b, target, low, high, values["high"]), weight)


def _part(
    b: ir.IRBuilder, begin: ir.Value, thread: ir.Value, share: ir.Value, total: ir.Value
) -> tuple[ir.Value, ir.Value]:
    """The spikes of a thread in the round that begins with spike ``begin``."""

    def within(k: ir.Value) -> ir.Value:
        return b.select(b.icmp_signed("<", k, total), k, total)

    first = b.add(begin, b.mul(thread, share))
    return within(first), within(b.add(first, share))


def _search(b: ir.IRBuilder, target: ir.Value, low: ir.Value, high: ir.Value, least: ir.Value) -> ir.Value:
    """The first of the ascending targets [low, high) that is at least ``least``, or ``high``."""
    first, left = local(b, low), local(b, b.sub(high, low))
    with again(b, lambda: b.icmp_signed(">", b.load(left), I64(0))):
        half = b.lshr(b.load(left), I64(1))
        middle = b.add(b.load(first), half)
        less = b.icmp_signed("<", offset(b, b.load(at(b, target, middle))), least)
        b.store(b.select(less, b.add(middle, I64(1)), b.load(first)), first)
        b.store(b.select(less, b.sub(b.sub(b.load(left), half), I64(1)), half), left)
    return b.load(first)
