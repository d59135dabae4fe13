"""Kernels of the delayed products that follow events (:mod:`._taps` explains time lines and extended time).

Integers of all: the items ``start`` to ``stop``, batch, steps, history, inputs, targets, width of a block, length of a time
line, taps of a synapse. An item is a batch element (``order``), a pair of block and batch element, element innermost
(``deliver``), or a block (``collect``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import NamedTuple

import torch
from llvmlite import ir

from ranvier.kernels.cpu.host.operands import scalar
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.signature import REAL, Array, Signature
from ranvier.kernels.cpu.llvm.functions import (
    I32,
    I64,
    at,
    counted,
    local,
    offset,
    splat,
    vector_at,
    when,
)

__all__ = ["collect_kernel", "deliver_kernel", "order_kernel"]

_AT_ONCE = 8  # synapses written out side by side
_CONTRACT = ("contract",)


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
    taps: ir.Value


class _Tables(NamedTuple):
    """Arrays of ``deliver`` and ``collect``: sorted events, synapses, dense tensor, one block of time lines."""

    pointer: ir.Value
    time: ir.Value
    value: ir.Value
    place: ir.Value
    weight: ir.Value
    dense: ir.Value
    line: ir.Value


_BLOCKS = Signature(
    {
        "pointer": Array(I64, None),
        "time": Array(I32, None),
        "value": Array(REAL, "time", optional=True),
        "place": Array(I32, None, "inputs", "width"),
        "weight": Array(REAL, None, "inputs", "width", "taps"),
        "dense": Array(REAL, "steps", "batch", "targets"),
        "line": Array(REAL, None),
    },
    _Sizes._fields,
)
_ORDER = Signature(
    {
        "pointer": Array(I64, None),
        "index": Array(I32, None),
        "value": Array(REAL, "index", optional=True),
        "earlier_pointer": Array(I64, None),
        "earlier_index": Array(I32, None),
        "earlier_value": Array(REAL, "earlier_index", optional=True),
        "cursor": Array(I64, None),
        "time": Array(I32, None),
        "sorted_value": Array(REAL, "time", optional=True),
    },
    ("start", "stop", "batch", "steps", "history", "inputs", "stage"),
)


@cache
def order_kernel(dtype: torch.dtype, valued: bool, valued_before: bool) -> Routine:
    """Sort the events of a batch element by source, oldest first: a counting sort in two calls.

    The call of ``stage`` 0 adds to each ``cursor`` the events of its source, that of stage 1 puts each event where its cursor
    points and moves the cursor on.
    """
    real = scalar(dtype)
    f = _ORDER.open(f"order_{real}_{int(valued)}{int(valued_before)}", dtype)
    b = f.builder
    start, stop, batch, steps_now, history, inputs, stage = f.integers()
    lists = [
        (f[f"{epoch}pointer"], f[f"{epoch}index"], f[f"{epoch}value"] if graded else None)
        for epoch, graded in (("earlier_", valued_before), ("", valued))
    ]
    cursor, time, value = f["cursor", "time", "sorted_value"]
    placing = b.icmp_signed("==", stage, I64(1))
    spans = ((history, I64(0)), (steps_now, history))
    with counted(b, start, stop) as element:
        own = at(b, cursor, b.mul(element, inputs))
        for (pointer, index, graded), (steps, first) in zip(lists, spans, strict=True):
            with counted(b, 0, steps) as t:
                row = b.add(b.mul(t, batch), element)
                low, high = (b.load(at(b, pointer, b.add(row, I64(i)))) for i in (0, 1))
                with counted(b, low, high) as e:
                    slot = at(b, own, offset(b, b.load(at(b, index, e))))
                    place = b.load(slot)
                    b.store(b.add(place, I64(1)), slot)
                    with when(b, placing):
                        b.store(b.trunc(b.add(first, t), I32), at(b, time, place))
                        if valued or valued_before:
                            b.store(real(1.0) if graded is None else b.load(at(b, graded, e)), at(b, value, place))
    return f.compile()


@cache
def deliver_kernel(dtype: torch.dtype, wide: int, valued: bool) -> Routine:
    """Forward, a synapse's taps in vectors of ``wide``; ``dense`` is the result ``[T, B, N]``."""
    f = _BLOCKS.open(f"deliver_{scalar(dtype)}_{wide}{'_valued' if valued else ''}", dtype)
    b, n, p = f.builder, _Sizes(*f[_Sizes._fields]), _Tables(*f[_Tables._fields])
    with counted(b, n.start, n.stop) as item:
        block, element = b.sdiv(item, n.batch), b.srem(item, n.batch)
        _clear(b, n, p)
        with _sources(b, n, p, block, element) as (row, low, high), counted(b, low, high) as e:
            moved = at(b, p.line, offset(b, b.load(at(b, p.time, e))))
            factor = splat(b, b.load(at(b, p.value, e)), wide) if valued else None
            with counted(b, row, b.add(row, n.width), _AT_ONCE) as first, counted(b, 0, n.taps, wide) as j:
                for i in range(_AT_ONCE):
                    synapse = b.add(first, I64(i))
                    slot = vector_at(b, p.weight, b.add(b.mul(synapse, n.taps), j), wide)
                    term = b.load(slot, align=dtype.itemsize)
                    term = term if factor is None else b.fmul(term, factor, flags=_CONTRACT)
                    place = b.add(offset(b, b.load(at(b, p.place, synapse))), j)
                    _add_to(b, vector_at(b, moved, place, wide), term, dtype.itemsize)
        _exchange(b, n, p, block, element, to_line=False)
    return f.compile()


@cache
def collect_kernel(dtype: torch.dtype, wide: int, valued: bool) -> Routine:
    """Gradient to the taps, sums in registers; ``dense`` is the gradient ``[T, B, N]``, ``taps`` is added to."""
    real = scalar(dtype)
    f = _BLOCKS.open(f"collect_{real}_{wide}{'_valued' if valued else ''}", dtype)
    b, n, p = f.builder, _Sizes(*f[_Sizes._fields]), _Tables(*f[_Tables._fields])
    zero = ir.Constant(ir.VectorType(real, wide), [0.0] * wide)
    with counted(b, n.start, n.stop) as block, counted(b, 0, n.batch) as element:
        _clear(b, n, p)
        _exchange(b, n, p, block, element, to_line=True)
        with (
            _sources(b, n, p, block, element) as (row, low, high),
            when(b, b.icmp_signed("<", low, high)),
            counted(b, row, b.add(row, n.width), _AT_ONCE) as first,
            counted(b, 0, n.taps, wide) as j,
        ):
            synapses = [b.add(first, I64(i)) for i in range(_AT_ONCE)]
            begins = [at(b, p.line, b.add(offset(b, b.load(at(b, p.place, s))), j)) for s in synapses]
            sums = [local(b, zero) for _ in synapses]
            with counted(b, low, high) as e:
                time = offset(b, b.load(at(b, p.time, e)))
                factor = splat(b, b.load(at(b, p.value, e)), wide) if valued else None
                for begin, total in zip(begins, sums, strict=True):
                    term = b.load(vector_at(b, begin, time, wide), align=dtype.itemsize)
                    term = term if factor is None else b.fmul(term, factor, flags=_CONTRACT)
                    b.store(b.fadd(b.load(total), term, flags=_CONTRACT), total)
            for synapse, total in zip(synapses, sums, strict=True):
                slot = vector_at(b, p.weight, b.add(b.mul(synapse, n.taps), j), wide)
                _add_to(b, slot, b.load(total), dtype.itemsize)
    return f.compile()


@contextmanager
def _sources(
    b: ir.IRBuilder, n: _Sizes, p: _Tables, block: ir.Value, element: ir.Value
) -> Iterator[tuple[ir.Value, ir.Value, ir.Value]]:
    """Loop over sources: the first synapse of the source in the block, and where its events begin and end."""
    with counted(b, 0, n.inputs) as k:
        row = b.mul(b.add(b.mul(block, n.inputs), k), n.width)
        here = b.add(b.mul(element, n.inputs), k)
        low, high = (b.load(at(b, p.pointer, b.add(here, I64(i)))) for i in (0, 1))
        yield row, low, high


def _add_to(b: ir.IRBuilder, slot: ir.Value, term: ir.Value, align: int) -> None:
    b.store(b.fadd(b.load(slot, align=align), term, flags=_CONTRACT), slot, align=align)


def _clear(b: ir.IRBuilder, n: _Sizes, p: _Tables) -> None:
    with counted(b, 0, b.mul(n.width, n.length)) as i:
        b.store(p.line.type.pointee(0.0), at(b, p.line, i))


def _exchange(b: ir.IRBuilder, n: _Sizes, p: _Tables, block: ir.Value, element: ir.Value, to_line: bool) -> None:
    """Copy steps 0..T of one batch element and block of targets from ``dense`` ``[T, B, N]`` to the lines, or back."""
    first = b.mul(block, n.width)
    left = b.sub(n.targets, first)
    size = b.select(b.icmp_signed("<", left, n.width), left, n.width)
    with counted(b, 0, n.steps) as t:
        row = b.add(b.mul(b.add(b.mul(t, n.batch), element), n.targets), first)
        with counted(b, 0, size) as j:
            here = at(b, p.line, b.add(b.mul(j, n.length), b.add(n.history, t)))
            there = at(b, p.dense, b.add(row, j))
            source, target = (there, here) if to_line else (here, there)
            b.store(b.load(source), target)
