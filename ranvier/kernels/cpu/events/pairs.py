"""Products of matrices of bits with each other and with numbers, for every head of an attention by itself.

Operands lie side by side: the bits of channel c of head h of operand p of row r are line ((r*operands + p)*heads + h)*width + c,
with a bit for each token. A *group* is one head of one row and has a matrix [width, stride] of its own, whose rows are padded to
whole vectors. Every sum has the order of channels or tokens, whatever the number of threads.
"""

from __future__ import annotations

from functools import cache

import torch
from llvmlite import ir

from ranvier.kernels.cpu.events.tile import SIZES, Tile, first_line, turned, write
from ranvier.kernels.cpu.host.operands import scalar
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.signature import REAL, Array, Signature
from ranvier.kernels.cpu.llvm.functions import I64, at, counted, local, when
from ranvier.kernels.cpu.llvm.memory import masked_load

__all__ = ["collected_kernel", "counted_kernel", "spread_kernel"]

_COUNTED = Signature({"bits": Array(I64, ...), "matrix": Array(REAL, ...)}, (*SIZES, "of_rows", "of_columns"))


@cache
def counted_kernel(dtype: torch.dtype) -> Routine:
    """``matrix[i, j]`` = in how many tokens both channel i of the operand ``of_rows`` and channel j of ``of_columns`` fire."""
    real, at_once = scalar(dtype), 4
    f = _COUNTED.open(f"bits_counted_{real}", dtype)
    b = f.builder
    bits, matrix = f["bits", "matrix"]
    start, stop, heads, width, words, stride, operands, of_rows, of_columns = f.integers()
    most = b.and_(width, I64(-at_once))
    with counted(b, start, stop) as group:
        rows = first_line(b, group, heads, width, operands, of_rows)
        columns = first_line(b, group, heads, width, operands, of_columns)

        def found(i: ir.Value, j: ir.Value, several: int) -> None:
            sums = [local(b, I64(0)) for _ in range(several)]
            with counted(b, 0, words) as w:
                mine = b.load(at(b, bits, b.add(b.mul(b.add(rows, i), words), w)))
                for k, total in enumerate(sums):
                    line = b.add(columns, b.add(j, I64(k)))
                    both = b.and_(mine, b.load(at(b, bits, b.add(b.mul(line, words), w))))
                    b.store(b.add(b.load(total), b.ctpop(both)), total)
            place = b.add(b.mul(b.add(b.mul(group, width), i), stride), j)
            for k, total in enumerate(sums):
                b.store(b.sitofp(b.load(total), real), at(b, matrix, b.add(place, I64(k))))

        with counted(b, 0, width) as i:
            with counted(b, 0, most, at_once) as j:
                found(i, j, at_once)
            with counted(b, most, width) as j:
                found(i, j, 1)
            with counted(b, width, stride) as j:
                b.store(real(0.0), at(b, matrix, b.add(b.mul(b.add(b.mul(group, width), i), stride), j)))
    return f.compile()


@cache
def spread_kernel(dtype: torch.dtype, count: int) -> Routine:
    """``tokens[j, n]`` = scale * sum of ``matrix[i, j]`` over the channels i that fire in token n, for ``count`` vectors of j from ``first``."""
    frame = Tile("spread", dtype, count)
    b = frame.b
    for group in frame.groups():
        for word in frame.words_of(group):
            with counted(b, 0, b.mul(word.padded, I64(count))) as k:
                b.store(frame.zero, at(b, frame.tile, k))
            with counted(b, 0, frame.width) as i:
                values = [b.load(place, align=dtype.itemsize) for place in frame.row(group, i)]
                for slots in frame.fired(word, i):
                    for slot, value in zip(slots, values, strict=True):
                        b.store(b.fadd(b.load(slot), value), slot)
            for block in frame.blocks(word):
                for value, column in zip(turned(b, [b.load(s) for s in block.slots]), block.columns, strict=True):
                    with when(b, column.exists):
                        write(b, b.fmul(value, frame.scale), column.place, block.mask, dtype.itemsize)
    return frame.open.compile()


@cache
def collected_kernel(dtype: torch.dtype, count: int) -> Routine:
    """``matrix[i, j]`` = scale * sum of ``tokens[j, n]`` over the tokens n in which channel i fires, for ``count`` vectors of j from ``first``."""
    frame = Tile("collected", dtype, count)
    b = frame.b
    for group in frame.groups():
        for places in frame.rows(group):
            for place in places:
                b.store(frame.zero, place, align=dtype.itemsize)
        for word in frame.words_of(group):
            for block in frame.blocks(word):
                given = [local(b, frame.zero) for _ in block.columns]
                for slot, column in zip(given, block.columns, strict=True):
                    with when(b, column.exists):
                        if block.mask is None:
                            b.store(b.load(column.place, align=dtype.itemsize), slot)
                        else:
                            b.store(masked_load(b, column.place, block.mask), slot)
                for slot, value in zip(block.slots, turned(b, [b.load(s) for s in given]), strict=True):
                    b.store(value, slot)
            with counted(b, 0, frame.width) as i:
                places = frame.row(group, i)
                sums = [local(b, b.load(place, align=dtype.itemsize)) for place in places]
                for slots in frame.fired(word, i):
                    for slot, total in zip(slots, sums, strict=True):
                        b.store(b.fadd(b.load(total), b.load(slot)), total)
                for place, total in zip(places, sums, strict=True):
                    b.store(b.load(total), place, align=dtype.itemsize)
        for places in frame.rows(group):
            for place in places:
                b.store(b.fmul(b.load(place, align=dtype.itemsize), frame.scale), place, align=dtype.itemsize)
    return frame.open.compile()
