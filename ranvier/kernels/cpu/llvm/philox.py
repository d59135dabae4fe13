"""Counted random numbers as vector code, equal to :mod:`ranvier.values` bit for bit (Salmon et al., SC 2011).

Number ``element`` of a stream is a function of (key, element, step, stream) alone, so whoever computes it, in whatever
order, finds the same.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from llvmlite import ir

from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.signature import Array, Signature
from ranvier.kernels.cpu.llvm.functions import I64, counted, splat
from ranvier.kernels.cpu.llvm.lanes import Lanes
from ranvier.kernels.cpu.llvm.memory import declared

__all__ = ["Stream", "counted_uniforms", "uniform_at", "uniform_lanes"]

_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_LOW = 0xFFFFFFFF
_ROUNDS = 10


class Stream(NamedTuple):
    """The scalars (i64, each below 2^32) that name a stream inside a kernel."""

    key: tuple[ir.Value, ir.Value]
    step: ir.Value
    stream: ir.Value


def philox_lanes(
    b: ir.IRBuilder, counter: list[ir.Value], key: list[ir.Value], rounds: int = _ROUNDS
) -> list[ir.Value]:
    """Rounds of Philox 4x32 on vectors of i64 that hold 32-bit words; returns the four words."""
    kind = counter[0].type

    def every(n: int) -> ir.Constant:
        return ir.Constant(kind, [n] * kind.count)

    words = counter
    for n in range(rounds):
        p0, p1, k0, k1 = _products(b, words, key, n)
        high0, high1 = b.lshr(p0, every(32)), b.lshr(p1, every(32))
        c0, c2 = b.xor(b.xor(high1, words[1]), k0), b.xor(b.xor(high0, words[3]), k1)
        words = [c0, b.and_(p1, every(_LOW)), c2, b.and_(p0, every(_LOW))]
    return words


def philox_pairs(b: ir.IRBuilder, counter: list[ir.Value], key: list[ir.Value]) -> list[ir.Value]:
    """The same words in pairs, the first of a pair in the lower half of each lane: the products of the last round, turned around."""
    kind = counter[0].type
    half = ir.Constant(kind, [32] * kind.count)
    turn = declared(b, f"llvm.fshl.v{kind.count}i64", ir.FunctionType(kind, [kind] * 3))
    words = philox_lanes(b, counter, key, _ROUNDS - 1)
    p0, p1, k0, k1 = _products(b, words, key, _ROUNDS - 1)
    pairs = (p1, words[1], k0), (p0, words[3], k1)
    return [b.xor(b.call(turn, [p, p, half]), b.xor(word, k)) for p, word, k in pairs]


def _products(
    b: ir.IRBuilder, words: list[ir.Value], key: list[ir.Value], n: int
) -> tuple[ir.Value, ir.Value, ir.Value, ir.Value]:
    """Both products of a round, and its keys."""
    kind = words[0].type

    def every(n: int) -> ir.Constant:
        return ir.Constant(kind, [n] * kind.count)

    k0, k1 = (b.and_(b.add(k, every(n * w & _LOW)), every(_LOW)) for k, w in zip(key, _WEYL, strict=True))
    return b.mul(every(_MULTIPLIERS[0]), words[0]), b.mul(every(_MULTIPLIERS[1]), words[2]), k0, k1


def uniform_lanes(lanes: Lanes, first: ir.Value, stream: Stream) -> ir.Value:
    """Numbers strictly between 0 and 1 for elements ``first``, ``first`` + 1, ... of a stream, one per float64 lane."""
    order = ir.Constant(lanes.integer, list(range(lanes.width)))
    return uniform_at(lanes, lanes.builder.add(splat(lanes.builder, first, lanes.width), order), stream)


def uniform_at(lanes: Lanes, element: ir.Value, stream: Stream) -> ir.Value:
    """The numbers of the elements in a vector of i64, one per float64 lane."""
    b, kind = lanes.builder, lanes.integer

    def every(n: int) -> ir.Constant:
        return ir.Constant(kind, [n] * lanes.width)

    def spread(value: ir.Value) -> ir.Value:
        return splat(b, value, lanes.width)

    counter = [b.and_(element, every(_LOW)), b.lshr(element, every(32)), spread(stream.step), spread(stream.stream)]
    words = philox_lanes(b, counter, [spread(k) for k in stream.key])
    bits = b.or_(b.shl(b.lshr(words[0], every(6)), every(26)), b.lshr(words[1], every(6)))
    # 52 bits under the exponent of 2^52 are the number 2^52 + bits; every operation from here on is exact
    number = lanes.sub(b.bitcast(b.or_(bits, every(0x433 << 52)), lanes.vector), lanes.constant(2.0**52))
    return lanes.mul(lanes.add(number, lanes.constant(0.5)), lanes.constant(2.0**-52))


def counted_uniforms(key: tuple[int, int], count: int, step: int = 0, stream: int = 0, start: int = 0) -> np.ndarray:
    """``count`` float64 numbers strictly between 0 and 1; the numbers of ``ranvier.values.uniforms``, made faster."""
    width = 8
    out = np.empty(-(-count // width) * width, np.float64)
    where = {"step": step & _LOW, "stream": stream, "start": start, "count": out.size}
    _uniforms_kernel().run(out=torch.from_numpy(out), key0=key[0], key1=key[1], **where)
    return out[:count]


@cache
def _uniforms_kernel() -> Routine:
    """``out`` is a whole number of vectors."""
    integers = ("key0", "key1", "step", "stream", "start", "count")
    f = Signature({"out": Array(ir.DoubleType(), "count")}, integers).open("uniforms")
    b = f.builder
    lanes = Lanes(b, "float64")
    out = f["out"]
    k0, k1, step, stream, start, count = f.integers()
    with counted(b, I64(0), count, lanes.width) as i:
        lanes.store(out, i, uniform_lanes(lanes, b.add(start, i), Stream((k0, k1), step, stream)))
    return f.compile()
