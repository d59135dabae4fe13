"""Kernels of the delayed products (:mod:`._delayed` explains time lines and extended time).

Integers of the first two: first and last item, batch, steps, history, inputs, targets, width of a block, length of a
time line; an item is a pair (block, batch element), batch element innermost, or a block.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import torch
from llvmlite import ir

from ranvier.kernels.cpu._jit import Kernel, compile_kernel
from ranvier.kernels.cpu._loops import (
    I32,
    I64,
    Function,
    at,
    counted,
    function,
    gathered,
    local,
    offset,
    splat,
    vector_at,
)
from ranvier.kernels.cpu._operands import lanes, scalar

__all__ = ["deliver_kernel", "input_kernel", "weight_kernel"]

_AT_ONCE = 8  # synapses written out side by side


class _Sizes(NamedTuple):
    start: ir.Value
    stop: ir.Value
    batch: ir.Value
    steps: ir.Value
    history: ir.Value
    inputs: ir.Value
    targets: ir.Value
    width: ir.Value
    length: ir.Value


@cache
def deliver_kernel(dtype: torch.dtype, valued: bool, valued_before: bool) -> Kernel:
    """Forward. Pointers: pointer, index, value of now; of before; place, weight, out, one block of time lines."""
    real = scalar(dtype)
    name = f"deliver_{real}_{int(valued)}{int(valued_before)}"
    f = function(name)
    b, n = f.builder, _sizes(f)
    place, weight, out, line = f.pointers(6, I32), f.pointers(7, real), f.pointers(8, real), f.pointers(9, real)
    lists = _lists(f, real, valued, valued_before)
    with counted(b, n.start, n.stop) as item:
        block, element = b.sdiv(item, n.batch), b.srem(item, n.batch)
        table = b.mul(block, b.mul(n.inputs, n.width))
        with counted(b, 0, b.mul(n.width, n.length)) as i:
            b.store(real(0.0), at(b, line, i))

        def deliver(time: ir.Value, source: ir.Value, factor: ir.Value | None) -> None:
            row = b.add(table, b.mul(source, n.width))
            places, weights, moved = at(b, place, row), at(b, weight, row), at(b, line, time)
            with counted(b, 0, n.width, _AT_ONCE) as first:
                for i in range(_AT_ONCE):
                    j = b.add(first, I64(i))
                    slot = at(b, moved, offset(b, b.load(at(b, places, j))))
                    term = b.load(at(b, weights, j))
                    term = term if factor is None else b.fmul(term, factor, flags=("contract",))
                    b.store(b.fadd(b.load(slot), term, flags=("contract",)), slot)

        _for_events(b, n, element, lists, deliver)
        _exchange(b, n, block, element, line, out, to_line=False)
    return compile_kernel(name, f.text())


@cache
def weight_kernel(dtype: torch.dtype, valued: bool, valued_before: bool) -> Kernel:
    """Weight gradient. Pointers as in the forward kernel, with the gradients for weight and out; items are blocks."""
    real, wide = scalar(dtype), lanes(dtype)
    name = f"delayed_weight_{real}_{int(valued)}{int(valued_before)}"
    f = function(name)
    b, n = f.builder, _sizes(f)
    place, weight, grad, line = f.pointers(6, I32), f.pointers(7, real), f.pointers(8, real), f.pointers(9, real)
    lists = _lists(f, real, valued, valued_before)
    with counted(b, n.start, n.stop) as block, counted(b, 0, n.batch) as element:
        table = b.mul(block, b.mul(n.inputs, n.width))
        with counted(b, 0, b.mul(n.width, n.length)) as i:
            b.store(real(0.0), at(b, line, i))
        _exchange(b, n, block, element, line, grad, to_line=True)

        def collect(time: ir.Value, source: ir.Value, factor: ir.Value | None) -> None:
            row = b.add(table, b.mul(source, n.width))
            moved = at(b, line, time)
            with counted(b, 0, n.width, wide) as j:
                places = b.load(vector_at(b, place, b.add(row, j), wide), align=4)
                term = gathered(b, moved, places, wide)
                if factor is not None:
                    term = b.fmul(term, splat(b, factor, wide), flags=("contract",))
                slot = vector_at(b, weight, b.add(row, j), wide)
                total = b.fadd(b.load(slot, align=dtype.itemsize), term, flags=("contract",))
                b.store(total, slot, align=dtype.itemsize)

        _for_events(b, n, element, lists, collect)
    return compile_kernel(name, f.text())


@cache
def input_kernel(dtype: torch.dtype, count: int) -> Kernel:
    """Input gradient, ``count`` vectors of time in registers. Items are batch elements.

    Pointers: place, weight, grad, out, one block of time lines, sums ``[inputs, padded]``. Integers: as above, then
    blocks and padded, the extended time rounded up to whole chunks.
    """
    real, wide = scalar(dtype), lanes(dtype)
    name = f"delayed_input_{real}_{count}"
    f = function(name)
    b, n = f.builder, _sizes(f)
    place, weight, grad = f.pointers(0, I32), f.pointers(1, real), f.pointers(2, real)
    out, line, sums = (f.pointers(i, real) for i in (3, 4, 5))
    blocks, padded = f.integer(9), f.integer(10)
    extended = b.add(n.history, n.steps)
    with counted(b, n.start, n.stop) as element:
        with counted(b, 0, b.mul(n.inputs, padded)) as i:
            b.store(real(0.0), at(b, sums, i))
        with counted(b, 0, blocks) as block:
            with counted(b, 0, b.mul(n.width, n.length)) as i:
                b.store(real(0.0), at(b, line, i))
            _exchange(b, n, block, element, line, grad, to_line=True)
            with counted(b, 0, n.inputs) as k, counted(b, 0, padded, wide * count) as time:
                row = b.mul(b.add(b.mul(block, n.inputs), k), n.width)
                places, weights = at(b, place, row), at(b, weight, row)
                target = at(b, sums, b.add(b.mul(k, padded), time))
                slots = [vector_at(b, target, i * wide, wide) for i in range(count)]
                totals = [local(b, b.load(slot, align=dtype.itemsize)) for slot in slots]
                with counted(b, 0, n.width) as j:
                    moved = at(b, line, b.add(time, offset(b, b.load(at(b, places, j)))))
                    factor = splat(b, b.load(at(b, weights, j)), wide)
                    for i, total in enumerate(totals):
                        term = b.load(vector_at(b, moved, i * wide, wide), align=dtype.itemsize)
                        term = b.fmul(term, factor, flags=("contract",))
                        b.store(b.fadd(b.load(total), term, flags=("contract",)), total)
                for slot, total in zip(slots, totals, strict=True):
                    b.store(b.load(total), slot, align=dtype.itemsize)
        with counted(b, 0, n.inputs, wide) as first:
            beyond = b.add(first, I64(wide))
            last = b.select(b.icmp_signed("<", beyond, n.inputs), beyond, n.inputs)
            with counted(b, 0, extended) as time, counted(b, first, last) as k:
                row = b.mul(b.add(b.mul(time, n.batch), element), n.inputs)
                b.store(b.load(at(b, sums, b.add(b.mul(k, padded), time))), at(b, out, b.add(row, k)))
    return compile_kernel(name, f.text())


def _sizes(f: Function) -> _Sizes:
    return _Sizes(*(f.integer(i) for i in range(9)))


class _List(NamedTuple):
    pointer: ir.Value
    index: ir.Value
    value: ir.Value | None


def _lists(f: Function, real: ir.Type, valued: bool, valued_before: bool) -> tuple[_List, _List]:
    """Open the event lists of now and of before."""
    now, before = (
        _List(f.pointers(i, I64), f.pointers(i + 1, I32), f.pointers(i + 2, real) if graded else None)
        for i, graded in ((0, valued), (3, valued_before))
    )
    return now, before


def _for_events(
    b: ir.IRBuilder,
    n: _Sizes,
    element: ir.Value,
    lists: tuple[_List, _List],
    use: Callable[[ir.Value, ir.Value, ir.Value | None], None],
) -> None:
    """Call ``use(extended time, source, value)`` for the events of one batch element, oldest first."""
    now, before = lists
    for events, steps, first in ((before, n.history, I64(0)), (now, n.steps, n.history)):
        with counted(b, 0, steps) as t:
            row = b.add(b.mul(t, n.batch), element)
            low, high = (b.load(at(b, events.pointer, b.add(row, I64(i)))) for i in (0, 1))
            with counted(b, low, high) as e:
                source = offset(b, b.load(at(b, events.index, e)))
                use(b.add(first, t), source, None if events.value is None else b.load(at(b, events.value, e)))


def _exchange(
    b: ir.IRBuilder,
    n: _Sizes,
    block: ir.Value,
    element: ir.Value,
    line: ir.Value,
    dense: ir.Value,
    to_line: bool,
) -> None:
    """Copy steps 0..T of one batch element and block of targets from ``dense`` ``[T, B, N]`` to the lines, or back."""
    first = b.mul(block, n.width)
    left = b.sub(n.targets, first)
    size = b.select(b.icmp_signed("<", left, n.width), left, n.width)
    with counted(b, 0, n.steps) as t:
        row = b.add(b.mul(b.add(b.mul(t, n.batch), element), n.targets), first)
        with counted(b, 0, size) as j:
            here = at(b, line, b.add(b.mul(j, n.length), b.add(n.history, t)))
            there = at(b, dense, b.add(row, j))
            source, target = (there, here) if to_line else (here, there)
            b.store(b.load(source), target)
