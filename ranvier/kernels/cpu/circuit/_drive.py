"""What a circuit draws by itself for every cell, once per step: counts times a weight, and normal numbers."""

from __future__ import annotations

from functools import cache

from llvmlite import ir

from ranvier.kernels.cpu.host.signature import REAL, Array, Signature
from ranvier.kernels.cpu.llvm.functions import I64, counted, vector_at
from ranvier.kernels.cpu.llvm.lanes import Lanes
from ranvier.kernels.cpu.llvm.philox import Stream
from ranvier.kernels.cpu.llvm.step_counts import LIMIT_ARRAYS, LIMIT_NUMBERS, UNIT, Limits, unit_counts
from ranvier.kernels.cpu.llvm.step_words import CHUNK, HALF, chunk_normals

__all__ = ["drive", "drive_names", "drive_signature", "noise", "noise_names", "noise_signature"]

_KEY = ("key0", "key1", "draws")
_DRIVE = {
    "drawn": Array(REAL, ...),
    "weight": Array(REAL, None),
    **LIMIT_ARRAYS,
    "before": Array(REAL, None),
}
_NOISE = {"drawn": Array(REAL, ...)}
_INTEGERS = (*_KEY, *LIMIT_NUMBERS, "latency", "per_cell", "row")


def drive_names(k: int) -> dict[str, str]:
    """The arguments of drive ``k`` as they are named beside those of others: ``drawn`` is the row it fills."""
    return {word: f"{word} of drive {k}" for word in (*_DRIVE, *_INTEGERS)}


def noise_names(stream: str) -> dict[str, str]:
    """The same for a stream of normal numbers."""
    return {word: f"{word} of noise {stream}" for word in (*_NOISE, *_KEY)}


@cache
def drive_signature(k: int) -> Signature:
    """Of one drive: the row it fills, its law, weights and latency."""
    names = drive_names(k)
    return Signature({names[n]: array for n, array in _DRIVE.items()}, [names[n] for n in _INTEGERS])


@cache
def noise_signature(stream: str) -> Signature:
    """Of one noise: the row it fills, and its key."""
    names = noise_names(stream)
    return Signature({names[n]: array for n, array in _NOISE.items()}, [names[n] for n in _KEY])


def drive(
    lanes: Lanes, values: dict, each: bool, low: ir.Value, high: ir.Value, n: ir.Value, step: ir.Value
) -> None:  # fmt: skip
    """Fill ``drawn[low : high]`` for step ``step``, the ``n``-th of the call.

    Both ends are multiples of ``UNIT``, or ``high`` is the last cell: room for a whole unit follows it. What arrives from before the
    call is read, all else drawn.
    """
    b = lanes.builder
    emitted = b.sub(n, values["latency"])
    key = values["key0"], values["key1"]
    stream = Stream(key, b.sub(step, values["latency"]), values["draws"])
    limits = Limits.at_row(b, values, emitted, each)
    wide = ir.VectorType(lanes.scalar, HALF)

    def put(count: ir.Value, place: ir.Value) -> None:
        weight = _at(lanes, values["weight"], b.mul(place, values["per_cell"]))
        _put(lanes, b.fmul(count, b.load(weight, align=lanes.itemsize)), values["drawn"], place)

    with b.if_else(b.icmp_signed(">=", emitted, I64(0))) as (within, earlier):
        with within, unit_counts(b, (low, high), I64(0), stream, limits) as unit:
            for first in range(0, UNIT, HALF):
                put(b.sitofp(unit.vector(b, first, HALF), wide), b.add(unit.begin, I64(first)))
        with earlier, counted(b, low, high, HALF) as cell:
            place = _at(lanes, values["before"], b.add(b.mul(n, values["row"]), cell))
            put(b.load(place, align=lanes.itemsize), cell)


def noise(lanes: Lanes, values: dict, low: ir.Value, high: ir.Value, step: ir.Value) -> None:
    """Fill ``drawn[low : high]`` with the normal numbers of step ``step``; both ends as for :func:`drive`."""
    b = lanes.builder
    stream = Stream((values["key0"], values["key1"]), step, values["draws"])
    with counted(b, low, high, CHUNK) as cell:
        for half, numbers in enumerate(chunk_normals(b, cell, I64(0), stream)):
            wide = ir.VectorType(lanes.scalar, HALF)
            given = numbers if numbers.type == wide else b.fpext(numbers, wide)
            _put(lanes, given, values["drawn"], b.add(cell, I64(half * HALF)))


def _at(lanes: Lanes, pointer: ir.Value, place: ir.Value) -> ir.Value:
    return vector_at(lanes.builder, pointer, place, HALF)


def _put(lanes: Lanes, numbers: ir.Value, pointer: ir.Value, place: ir.Value) -> None:
    lanes.builder.store(numbers, _at(lanes, pointer, place), align=lanes.itemsize)
