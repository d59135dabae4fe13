"""Words of Philox for cells in a step, and what is made of them: the vector code of ``ranvier.values``, bit for bit.

A *chunk* is 32 cells, which share the counters of eight elements; its numbers are two vectors of sixteen.
"""

from __future__ import annotations

from llvmlite import ir

from ranvier.kernels.cpu.llvm.functions import I32, I64, splat
from ranvier.kernels.cpu.llvm.lanes import Lanes
from ranvier.kernels.cpu.llvm.philox import Stream, philox_lanes, philox_pairs
from ranvier.values.normal import COSINE, LN2, LOGARITHM, ROOT, SINE, TURN
from ranvier.values.step_words import CHUNK, HALVES

__all__ = ["CHUNK", "HALF", "chunk_normals", "chunk_words", "unit_halves"]

HALF, _LANES, _LOW = 16, 8, 0xFFFFFFFF


def chunk_normals(b: ir.IRBuilder, cell: ir.Value, sample: ir.Value, stream: Stream) -> list[ir.Value]:
    """Standard normal numbers of the cells from ``cell``, a multiple of 32, on: two vectors of float32."""
    radius0, angle0, radius1, angle1 = chunk_words(b, cell, sample, stream)
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


def chunk_words(b: ir.IRBuilder, cell: ir.Value, sample: ir.Value, stream: Stream) -> list[ir.Value]:
    """Four vectors of eight i32; vector k belongs to the cells from ``cell`` + 8 k on where each cell takes one word."""
    words = philox_lanes(b, *_counter(b, b.lshr(cell, I64(2)), sample, stream))
    return [b.trunc(w, ir.VectorType(I32, _LANES)) for w in words]


def unit_halves(b: ir.IRBuilder, cell: ir.Value, sample: ir.Value, stream: Stream) -> ir.Value:
    """Half a word for each of 64 cells from ``cell``, a multiple of 64, on: a vector of i16."""
    low, high = philox_pairs(b, *_counter(b, b.add(b.lshr(cell, I64(3)), I64(HALVES)), sample, stream))
    order = [part * _LANES + lane for lane in range(_LANES) for part in (0, 1)]
    ordered = b.shuffle_vector(low, high, ir.Constant(ir.VectorType(I32, 2 * _LANES), order))
    return b.bitcast(ordered, ir.VectorType(ir.IntType(16), 8 * _LANES))


def _counter(
    b: ir.IRBuilder, element: ir.Value, sample: ir.Value, stream: Stream
) -> tuple[list[ir.Value], list[ir.Value]]:
    """Counter and key of the words of eight elements from ``element`` on, vectors of i64."""

    def every(value: ir.Value) -> ir.Value:
        return splat(b, b.and_(value, I64(_LOW)), _LANES)

    order = ir.Constant(ir.VectorType(I64, _LANES), list(range(_LANES)))
    counter = [b.add(every(element), order), every(sample), every(stream.step), every(stream.stream)]
    return counter, [every(k) for k in stream.key]


def _joined(b: ir.IRBuilder, low: ir.Value, high: ir.Value) -> ir.Value:
    return b.shuffle_vector(low, high, ir.Constant(ir.VectorType(I32, HALF), list(range(HALF))))
