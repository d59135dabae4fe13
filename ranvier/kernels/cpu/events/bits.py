"""Spikes as bits: 64 of them in a word, a thirty-second of the memory of float32."""

from __future__ import annotations

from functools import cache

import torch
from llvmlite import ir
from torch import Tensor

from ranvier.kernels.cpu.host.buffers import empty
from ranvier.kernels.cpu.host.operands import scalar
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.signature import REAL, Array, Signature
from ranvier.kernels.cpu.host.tiles import run_routine
from ranvier.kernels.cpu.llvm.functions import I64, at, counted, local, vector_at, when
from ranvier.kernels.operands import require

__all__ = ["WORD", "bits"]

#: spikes in a word
WORD = 64
_AT_ONCE = 16
_LEAST = 1 << 17  # elements that pay for a tile of their own
I16 = ir.IntType(16)
_SIGNATURE = Signature(
    {"x": Array(REAL, "lines", "length"), "words": Array(I64, "lines", "held"), "graded": Array(I64, 1)},
    ("start", "stop", "lines", "length", "held"),
)


def bits(x: Tensor) -> Tensor | None:
    """Int64 [lines, ceil(N/64)], where bit n % 64 of word n // 64 is ``x`` [lines, N]; None where a number is neither 0 nor 1.

    Raises
    ------
    TypeError, ValueError
        ``x`` is not a contiguous matrix of float32 or float64.
    """
    require(x, "x", (None, None))
    lines, length = x.shape
    held = -(-length // WORD)
    words, graded = empty([lines, held], torch.int64), torch.zeros(1, dtype=torch.int64)
    sizes = {"lines": lines, "length": length, "held": held}
    run_routine(_kernel(x.dtype), lines, _LEAST // max(1, length), x=x, words=words, graded=graded, **sizes)
    return None if graded.item() else words


@cache
def _kernel(dtype: torch.dtype) -> Routine:
    """Lines ``start`` to ``stop``; ``graded`` becomes 1 where a number is neither 0 nor 1 (so does any NaN)."""
    real = scalar(dtype)
    f = _SIGNATURE.open(f"bits_{real}", dtype)
    b = f.builder
    x, words, graded = f["x", "words", "graded"]
    start, stop, _, length, held = f.integers()
    parts = b.bitcast(words, I16.as_pointer())  # each word is written as four numbers of 16 bits
    each = WORD // _AT_ONCE
    wide = ir.VectorType(real, _AT_ONCE)
    zeros, ones = ir.Constant(wide, [0.0] * _AT_ONCE), ir.Constant(wide, [1.0] * _AT_ONCE)
    seen = local(b, I16(0))
    whole, rest = b.sdiv(length, I64(_AT_ONCE)), b.and_(length, I64(_AT_ONCE - 1))

    def look(place: ir.Value) -> ir.Value:
        values = b.load(place, align=dtype.itemsize)
        fired = b.bitcast(b.fcmp_unordered("!=", values, zeros), I16)
        other = b.bitcast(b.fcmp_unordered("!=", values, ones), I16)
        b.store(b.or_(b.load(seen), b.and_(fired, other)), seen)
        return fired

    with counted(b, start, stop) as line:
        row, out = b.gep(x, [b.mul(line, length)]), b.gep(parts, [b.mul(line, b.mul(held, I64(each)))])
        with counted(b, whole, b.mul(held, I64(each))) as k:
            b.store(I16(0), at(b, out, k))
        with counted(b, 0, whole) as k:
            b.store(look(vector_at(b, row, b.mul(k, I64(_AT_ONCE)), _AT_ONCE)), at(b, out, k))
        with when(b, b.icmp_signed("!=", rest, I64(0))), b.if_else(b.icmp_signed(">", whole, I64(0))) as (long, short):
            with long:  # the last 16 numbers, less those that have been seen
                last = look(vector_at(b, row, b.sub(length, I64(_AT_ONCE)), _AT_ONCE))
                known = b.trunc(b.sub(I64(_AT_ONCE), rest), I16)
                b.store(b.lshr(last, known), at(b, out, whole))
            with short:
                total = local(b, I16(0))
                with counted(b, 0, length) as k:
                    value = b.load(at(b, row, k))
                    fired = b.zext(b.fcmp_unordered("!=", value, real(0.0)), I16)
                    other = b.zext(b.fcmp_unordered("!=", value, real(1.0)), I16)
                    b.store(b.or_(b.load(seen), b.and_(fired, other)), seen)
                    b.store(b.or_(b.load(total), b.shl(fired, b.trunc(k, I16))), total)
                b.store(b.load(total), out)
    with when(b, b.icmp_signed("!=", b.load(seen), I16(0))):
        b.store(I64(1), graded)
    return f.compile()
