"""Dense delayed sums: every source at every step, sixteen batch elements side by side.

``out[s, b, k] = sum over n and j of taps[n, k, j] * source[s - shift + first[n, k] + j, b, n]``

The input gradient of a delayed product has this form, and so has the product itself with time and roles reversed. The
source is laid out ``[groups, N, time, lanes]``, a group being as many batch elements as a vector has lanes: each load
then is one aligned vector, which serves all taps that fall on it, and sums of several steps stay in registers.
"""

from __future__ import annotations

from functools import cache

import torch
from llvmlite import ir
from torch import Tensor

from ranvier.kernels.cpu._buffers import empty
from ranvier.kernels.cpu._jit import Kernel, compile_kernel
from ranvier.kernels.cpu._loops import I32, I64, at, counted, function, local, offset, splat, vector_at
from ranvier.kernels.cpu._operands import address, lanes, scalar, vectors
from ranvier.kernels.cpu._tiles import run_spans

__all__ = ["correlate", "hand_back", "lines_for", "pack", "steps_at_once"]


def steps_at_once() -> int:
    """Steps whose sums are in registers together."""
    return 12 if vectors() >= 16 else 4


def pack(dense: Tensor, lines: Tensor, first: int) -> None:
    """Put steps ``[S, B, N]`` into time lines ``[groups, N, time, lanes]`` from time ``first`` on."""
    steps, batch, width = dense.shape
    kernel = _pack_kernel(dense.dtype)
    length, wide = lines.shape[2], lines.shape[3]
    kernel([address(dense), address(lines)], [first, steps, batch, width, length, wide])


def lines_for(batch: int, width: int, length: int, dtype: torch.dtype) -> Tensor:
    """Silent time lines for ``batch`` elements."""
    wide = lanes(dtype)
    return empty([-(-batch // wide), width, length, wide], dtype).zero_()


def correlate(lines: Tensor, first: Tensor, taps: Tensor, sizes: tuple[int, int], times: tuple[int, int]) -> Tensor:
    """The sum above for all steps.

    Parameters
    ----------
    lines
        ``[groups, N, time, lanes]``, long enough for whole chunks of steps and the reach of the taps.
    first
        Int32 ``[blocks, K, width]``: where in the time line of its source a synapse reads for step 0.
    taps
        ``[blocks, K, width, taps]``.
    sizes, times
        (N, K) and (S, B).

    Returns
    -------
        ``[S, B, K]``.
    """
    (sources, outputs), (steps, batch) = sizes, times
    out = empty([steps, batch, outputs], lines.dtype)
    groups, _, length, wide = lines.shape
    count = steps_at_once()
    piece = min(8, taps.shape[3])
    kernel = _correlate_kernel(lines.dtype, count, piece)
    chunks = -(-steps // count)
    shared = [address(lines), address(first), address(taps), address(out)]
    integers = [chunks, sources, outputs, taps.shape[2], taps.shape[3], length, steps, batch, 0]

    def task(start: int, stop: int) -> None:
        sums = empty([outputs, count, wide], lines.dtype)
        kernel([*shared, address(sums)], [start, stop, *integers])

    run_spans(task, groups * chunks)
    return out


def hand_back(lines: Tensor, first: Tensor, taps: Tensor, out: Tensor, time: int, sums: Tensor) -> None:
    """The sum above for one step: ``out`` ``[B, K]`` from what the lines hold from ``time`` on."""
    batch, outputs = out.shape
    groups, sources, length, _ = lines.shape
    kernel = _correlate_kernel(lines.dtype, 1, min(8, taps.shape[3]))
    table = [address(lines), address(first), address(taps), address(out), address(sums)]
    kernel(table, [0, groups, 1, sources, outputs, taps.shape[2], taps.shape[3], length, 1, batch, time])


@cache
def _correlate_kernel(dtype: torch.dtype, count: int, piece: int) -> Kernel:
    """``count`` steps in registers, ``piece`` taps at once. Items are pairs of group and chunk of steps.

    Pointers: lines, place, taps, out, sums ``[K, count, lanes]``. Integers: first and last item, chunks, sources,
    outputs, width of a block, taps, length of a line, steps, batch, time of step 0.
    """
    real, wide, size = scalar(dtype), lanes(dtype), dtype.itemsize
    name = f"correlate_{real}_{count}x{piece}"
    f = function(name)
    b = f.builder
    lines, place, taps = f.pointers(0, real), f.pointers(1, I32), f.pointers(2, real)
    out, sums = f.pointers(3, real), f.pointers(4, real)
    start, stop, chunks, sources, outputs, width, every, length, steps, batch, begin = (f.integer(i) for i in range(11))
    zero = ir.Constant(ir.VectorType(real, wide), [0.0] * wide)

    with counted(b, start, stop) as item:
        group, step = b.sdiv(item, chunks), b.mul(b.srem(item, chunks), I64(count))
        own = at(b, lines, b.mul(b.mul(b.mul(group, sources), length), I64(wide)))
        with counted(b, 0, b.mul(outputs, I64(count))) as i:
            b.store(zero, vector_at(b, sums, b.mul(i, I64(wide)), wide), align=size)
        with counted(b, 0, sources, wide) as first, counted(b, 0, outputs) as k:
            last = _least(b, b.add(first, I64(wide)), sources)
            block = b.sdiv(first, width)
            row = b.sub(b.mul(b.add(b.mul(block, outputs), k), width), b.mul(block, width))  # synapse of source 0, if blocks were one
            slot = b.mul(b.mul(k, I64(count)), I64(wide))
            slots = [vector_at(b, sums, b.add(slot, I64(i * wide)), wide) for i in range(count)]
            totals = [local(b, b.load(s, align=size)) for s in slots]
            with counted(b, first, last) as n:
                synapse = b.add(row, n)
                time = b.add(b.add(begin, step), offset(b, b.load(at(b, place, synapse))))
                line = at(b, own, b.mul(b.add(b.mul(n, length), time), I64(wide)))
                with counted(b, 0, every, piece) as j:
                    here = at(b, taps, b.add(b.mul(synapse, every), j))
                    factors = [splat(b, b.load(at(b, here, i)), wide) for i in range(piece)]
                    read = at(b, line, b.mul(j, I64(wide)))
                    for i in range(count + piece - 1):
                        heard = b.load(vector_at(b, read, i * wide, wide), align=size)
                        for q in range(piece):
                            if 0 <= i - q < count:
                                term = b.fmul(heard, factors[q], flags=("contract",))
                                b.store(b.fadd(b.load(totals[i - q]), term, flags=("contract",)), totals[i - q])
            for s, total in zip(slots, totals, strict=True):
                b.store(b.load(total), s, align=size)
        beyond = _least(b, b.add(step, I64(count)), steps)
        elements = _least(b, b.sub(batch, b.mul(group, I64(wide))), I64(wide))
        with counted(b, 0, outputs, 16) as first:
            last = _least(b, b.add(first, I64(16)), outputs)
            with counted(b, step, beyond) as t, counted(b, 0, elements) as e:
                row = b.mul(b.add(b.mul(t, batch), b.add(b.mul(group, I64(wide)), e)), outputs)
                inner = b.add(b.mul(b.sub(t, step), I64(wide)), e)
                with counted(b, first, last) as k:
                    value = b.load(at(b, sums, b.add(b.mul(k, I64(count * wide)), inner)))
                    b.store(value, at(b, out, b.add(row, k)))
    return compile_kernel(name, f.text())


@cache
def _pack_kernel(dtype: torch.dtype) -> Kernel:
    """Pointers: dense, lines. Integers: first time, steps, batch, width, length, lanes."""
    real = scalar(dtype)
    name = f"pack_lines_{real}"
    f = function(name)
    b = f.builder
    dense, lines = f.pointers(0, real), f.pointers(1, real)
    first, steps, batch, width, length, wide = (f.integer(i) for i in range(6))
    stride = b.mul(length, wide)
    groups = b.sdiv(b.add(batch, b.sub(wide, I64(1))), wide)
    with counted(b, 0, groups) as group, counted(b, 0, steps) as t, counted(b, 0, width, 16) as column:
        last = _least(b, b.add(column, I64(16)), width)
        base = b.mul(b.mul(group, width), stride)
        base = b.add(base, b.mul(b.add(first, t), wide))
        with counted(b, 0, _least(b, b.sub(batch, b.mul(group, wide)), wide)) as lane:
            row = b.mul(b.add(b.mul(t, batch), b.add(b.mul(group, wide), lane)), width)
            with counted(b, column, last) as n:
                place = b.add(b.add(base, b.mul(n, stride)), lane)
                b.store(b.load(at(b, dense, b.add(row, n))), at(b, lines, place))
    return compile_kernel(name, f.text())


def _least(b: ir.IRBuilder, first: ir.Value, second: ir.Value) -> ir.Value:
    return b.select(b.icmp_signed("<", first, second), first, second)
