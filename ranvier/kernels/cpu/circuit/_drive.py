"""Poisson-distributed drive, drawn inside a circuit: weight times count for every cell, once per step."""

from __future__ import annotations

from functools import cache

from llvmlite import ir

from ranvier.kernels.cpu.host.signature import REAL, Array, Signature
from ranvier.kernels.cpu.llvm.functions import I32, I64, counted, splat, vector_at
from ranvier.kernels.cpu.llvm.lanes import Lanes
from ranvier.kernels.cpu.llvm.memory import gathered
from ranvier.kernels.cpu.llvm.philox import philox_lanes

__all__ = ["CHUNK", "drive", "drive_names", "drive_signature"]

#: cells that share a run of counters (``ranvier.values.poisson_counts``)
CHUNK = 32
_LANES, _LOW = 8, 0xFFFFFFFF


_ARRAYS = {
    "drawn": Array(REAL, ...),
    "weight": Array(REAL, None),
    "threshold": Array(I32, None),
    "other": Array(I32, None),
}
_INTEGERS = ("key0", "key1", "draws", "shift", "latency", "per_cell")


def drive_names(stream: str) -> dict[str, str]:
    """The arguments of a drive as they are named beside those of others: ``drawn`` is the row it fills."""
    return {word: f"{word} of drive {stream}" for word in (*_ARRAYS, *_INTEGERS)}


@cache
def drive_signature(stream: str) -> Signature:
    """Of one drive: the row it fills, its law, weights and latency."""
    names = drive_names(stream)
    return Signature({names[n]: array for n, array in _ARRAYS.items()}, [names[n] for n in _INTEGERS])


def drive(lanes: Lanes, values: dict, low: ir.Value, high: ir.Value, step: ir.Value) -> None:
    """Fill ``drawn[low : high]`` for step ``step``; both ends are multiples of ``CHUNK``, or ``high`` is the last cell.

    Before the first step nothing was emitted.
    """
    b = lanes.builder
    emitted = b.sub(step, values["latency"])
    any_yet = b.icmp_signed(">=", emitted, I64(0))
    wide, half = ir.VectorType(I64, _LANES), ir.VectorType(I32, _LANES)

    def every(value: ir.Value) -> ir.Value:
        return splat(b, value, _LANES)

    key = [every(values[k]) for k in ("key0", "key1")]
    shift = splat(b, b.trunc(values["shift"], I32), _LANES)
    mask = b.sub(b.shl(splat(b, I32(1), _LANES), shift), splat(b, I32(1), _LANES))
    nothing, draws = ir.Constant(wide, [0] * _LANES), every(values["draws"])
    moment = every(b.and_(emitted, I64(_LOW)))
    with counted(b, low, high, CHUNK) as cell:
        element = b.add(every(b.lshr(cell, I64(2))), ir.Constant(wide, list(range(_LANES))))
        words = philox_lanes(b, [element, nothing, moment, draws], key)
        for k, word in enumerate(words):
            bits = b.trunc(word, half)
            column, rest = b.lshr(bits, shift), b.and_(bits, mask)
            limit = gathered(b, values["threshold"], column)
            other = gathered(b, values["other"], column)
            count = b.select(b.icmp_unsigned("<", rest, limit), column, other)
            count = b.select(splat(b, any_yet, _LANES), count, ir.Constant(half, [0] * _LANES))
            place = b.add(cell, I64(k * _LANES))
            weight = b.load(
                vector_at(b, values["weight"], b.mul(place, values["per_cell"]), _LANES), align=lanes.itemsize
            )
            value = b.fmul(b.sitofp(count, ir.VectorType(lanes.scalar, _LANES)), weight)
            b.store(value, vector_at(b, values["drawn"], place, _LANES), align=lanes.itemsize)
