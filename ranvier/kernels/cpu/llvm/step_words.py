"""Words of Philox for cells in a step, and what is made of them: the vector code of ``ranvier.values``, bit for bit.

A *chunk* is 32 cells, which share the counters of eight elements; its numbers are two vectors of sixteen.
"""

from __future__ import annotations

from typing import NamedTuple

from llvmlite import ir

from ranvier.kernels.cpu.llvm.functions import I32, I64, at, local, splat, vector_at
from ranvier.kernels.cpu.llvm.lanes import Lanes
from ranvier.kernels.cpu.llvm.philox import Stream, philox_lanes
from ranvier.values.normal import COSINE, LN2, LOGARITHM, ROOT, SINE, TURN

__all__ = ["CHUNK", "HALF", "Limits", "chunk_counts", "chunk_normals"]

CHUNK, HALF, _LANES, _LOW = 32, 16, 8, 0xFFFFFFFF


class Limits(NamedTuple):
    """The thresholds of a law of counts in one step: ``count`` numbers, or with ``each`` rows of ``padded`` cells."""

    table: ir.Value
    count: ir.Value
    padded: ir.Value
    each: bool


def chunk_normals(b: ir.IRBuilder, cell: ir.Value, sample: ir.Value, stream: Stream) -> list[ir.Value]:
    """Standard normal numbers of the cells from ``cell``, a multiple of 32, on: two vectors of float32."""
    radius0, angle0, radius1, angle1 = _words(b, cell, sample, stream)
    k = Lanes(b, "float32", HALF, rounded=True)
    r, angle = _root_of_log(k, _joined(b, radius0, radius1)), _joined(b, angle0, angle1)
    turned = k.mul(k.from_integer(b.shl(angle, k.integers(2))), k.constant(TURN))
    z = k.mul(turned, turned)
    sine = k.add(turned, k.mul(k.mul(turned, z), k.polynomial(z, SINE, patient=True)))
    bend = k.mul(k.mul(z, z), k.polynomial(z, COSINE, patient=True))
    cosine = k.add(k.sub(bend, k.mul(z, k.constant(0.5))), k.constant(1.0))
    swapped = k.int_ne(b.and_(angle, k.integers(1 << 30)), k.integers(0))
    sign = b.and_(angle, k.integers(1 << 31))
    pairs = (sine, cosine), (cosine, sine)
    return [k.mul(r, k.as_float(b.xor(k.as_integer(k.select(swapped, x, y)), sign))) for x, y in pairs]


def _root_of_log(k: Lanes, words: ir.Value) -> ir.Value:
    """sqrt(-2 log u) of the u that words stand for."""
    b = k.builder
    bits = k.as_integer(k.add(k.from_integer(b.lshr(words, k.integers(1))), k.constant(0.5)))
    field = b.and_(b.sub(bits, k.integers(ROOT)), k.integers(-1 << 23))
    f = k.sub(k.as_float(b.sub(bits, field)), k.constant(1.0))
    square = k.mul(f, f)
    series = k.mul(k.mul(f, square), k.polynomial(f, LOGARITHM, patient=True))
    logarithm = k.add(k.sub(series, k.mul(square, k.constant(0.5))), f)
    left = k.sub(k.constant(31.0), k.from_integer(b.ashr(field, k.integers(23))))
    return k.sqrt(k.mul(k.sub(k.mul(left, k.constant(LN2)), logarithm), k.constant(2.0)))


def chunk_counts(b: ir.IRBuilder, cell: ir.Value, sample: ir.Value, stream: Stream, limits: Limits) -> list[ir.Value]:
    """Counts of the cells from ``cell``, a multiple of 32, on: two vectors of i32."""
    w0, w1, w2, w3 = _words(b, cell, sample, stream)
    kind = w0.type.element
    wide = ir.VectorType(kind, HALF)
    numbers = [b.ashr(_joined(b, *pair), ir.Constant(wide, [1] * HALF)) for pair in ((w0, w1), (w2, w3))]
    sums = [local(b, ir.Constant(wide, [0] * HALF)) for _ in numbers]
    turn = local(b, I64(0))
    body, after = b.append_basic_block("counting"), b.append_basic_block("counted")
    b.branch(body)
    b.position_at_end(body)
    k, found = b.load(turn), []
    for half, (number, total) in enumerate(zip(numbers, sums, strict=True)):
        if limits.each:
            place = b.add(b.mul(k, limits.padded), b.add(cell, I64(half * HALF)))
            limit = b.load(vector_at(b, limits.table, place, HALF), align=4)
        else:
            limit = splat(b, b.load(at(b, limits.table, k)), HALF)
        reached = b.icmp_signed(">=", number, limit)
        b.store(b.add(b.load(total), b.zext(reached, wide)), total)
        found.append(b.bitcast(reached, ir.IntType(HALF)))
    following = b.add(k, I64(1))
    b.store(following, turn)
    some = b.icmp_unsigned("!=", b.or_(*found), ir.Constant(ir.IntType(HALF), 0))
    b.cbranch(b.and_(some, b.icmp_signed("<", following, limits.count)), body, after)
    b.position_at_end(after)
    return [b.load(total) for total in sums]


def _words(b: ir.IRBuilder, cell: ir.Value, sample: ir.Value, stream: Stream) -> list[ir.Value]:
    """Four vectors of eight i32; vector k belongs to the cells from ``cell`` + 8 k on where each cell takes one word."""

    def every(value: ir.Value) -> ir.Value:
        return splat(b, b.and_(value, I64(_LOW)), _LANES)

    order = ir.Constant(ir.VectorType(I64, _LANES), list(range(_LANES)))
    element = b.add(every(b.lshr(cell, I64(2))), order)
    counter = [element, every(sample), every(stream.step), every(stream.stream)]
    return [b.trunc(w, ir.VectorType(I32, _LANES)) for w in philox_lanes(b, counter, [every(k) for k in stream.key])]


def _joined(b: ir.IRBuilder, low: ir.Value, high: ir.Value) -> ir.Value:
    return b.shuffle_vector(low, high, ir.Constant(ir.VectorType(I32, HALF), list(range(HALF))))
