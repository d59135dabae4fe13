"""Threads that draw rows together: each draws some, and adds to its own cells from all.

All spikes that arrive in a step are in one order, whichever thread's cells fired. In each round every thread draws the rows of
as many of them, one thread's behind another's; when all are done it looks in each row for its own cells, which lie
together. Rows are drawn into two places in turn, so that a thread may begin the next round while others still read.
"""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir

from ranvier.kernels.cpu.circuit._drawn import DrawnRow, add_to_targets, arriving
from ranvier.kernels.cpu.host.barrier import Barrier
from ranvier.kernels.cpu.host.clock import Clock
from ranvier.kernels.cpu.host.meeting import meet
from ranvier.kernels.cpu.llvm.functions import I32, I64, again, at, counted, local, offset

__all__ = ["deliver_together"]


def deliver_together(
    b: ir.IRBuilder, kind: str, values: dict, fired: ir.Value, step: ir.Value, clock: ir.Value
) -> None:  # fmt: skip
    """Add the weight for every target of the spikes of step ``fired`` of the call, which arrive in ``step``, to the ring.

    ``kind`` names the kernel that draws.
    """
    time = Clock(b, clock)
    thread, threads, most = time["thread"], time["threads"], values["most"]
    each_list = _lists(b, values, time, fired)
    total = local(b, I64(0))
    each_list(lambda spikes, start, count: b.store(b.add(b.load(total), count), total))
    total = b.load(total)
    even = b.udiv(b.add(total, b.sub(threads, I64(1))), threads)
    share = b.select(b.icmp_signed("<", even, most), even, most)
    here, weight, row = arriving(b, values, step), b.load(values["weight"]), DrawnRow(b, kind, values)
    with counted(b, 0, total, b.mul(share, threads)) as begin:
        turn = b.and_(time["met"], I64(1))
        starts, place = b.mul(turn, b.add(most, I64(1))), b.mul(turn, values["room"])
        _draw(b, row, each_list, _part(b, begin, thread, share, total), at(b, values["row_start"], starts), place)
        meet(b, time, values["meetings"])
        with counted(b, 0, threads) as other:
            first, end = _part(b, begin, other, share, total)
            target = b.inttoptr(b.load(at(b, values["all_targets"], other)), I32.as_pointer())
            start = b.inttoptr(b.load(at(b, values["all_starts"], other)), I64.as_pointer())
            with counted(b, 0, b.sub(end, first)) as k:
                low, high = (b.load(at(b, start, b.add(b.add(starts, k), I64(n)))) for n in (0, 1))
                low = _search(b, target, low, high, values["low"])
                add_to_targets(b, here, target, low, _search(b, target, low, high, values["high"]), weight)


def _lists(
    b: ir.IRBuilder, values: dict, time: Clock, fired: ir.Value
) -> Callable[[Callable[[ir.Value, ir.Value, ir.Value], object]], None]:
    """A loop over the lists of step ``fired``, in order: spikes, the first of the step, and how many. That of the steps before
    the call is one, those of the call are of one thread each."""
    thread, threads = time["thread"], time["threads"]
    barrier = Barrier(b, values["flags"], thread, threads)
    before = b.icmp_signed("<", fired, I64(0))
    place = b.select(before, b.add(time["depth"], fired), fired)

    def each(use: Callable[[ir.Value, ir.Value, ir.Value], object]) -> None:
        with counted(b, 0, b.select(before, I64(1), threads)) as k:
            barrier.wait(k, b.add(fired, I64(1)))
            spikes, bounds = (
                b.select(before, values[past], b.inttoptr(b.load(at(b, values[table], k)), kind.as_pointer()))
                for past, table, kind in (("past", "lists", I32), ("past_bounds", "borders", I64))
            )
            start = b.load(at(b, bounds, place))
            use(spikes, start, b.sub(b.load(at(b, bounds, b.add(place, I64(1)))), start))

    return each


def _draw(
    b: ir.IRBuilder, row: DrawnRow, each_list: Callable, part: tuple[ir.Value, ir.Value], start: ir.Value, place: ir.Value
) -> None:  # fmt: skip
    """Rows of the spikes [first, end) of all, targets from ``place`` on; where each begins, and the last ends, to ``start``."""
    (first, end), seen, rows, top = part, local(b, I64(0)), local(b, I64(0)), local(b, place)
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

    each_list(own)


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
