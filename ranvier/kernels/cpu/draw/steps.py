"""Numbers for every step, sample and cell: normal ones, counts, and counts as a list of spikes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np
import torch
from llvmlite import ir

from ranvier.kernels.cpu.host.buffers import empty
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.signature import REAL, Array, Opened, Signature
from ranvier.kernels.cpu.llvm.functions import I32, I64, at, counted, local, vector_at, when
from ranvier.kernels.cpu.llvm.memory import bytes_of
from ranvier.kernels.cpu.llvm.philox import Stream
from ranvier.kernels.cpu.llvm.step_words import CHUNK, HALF, Limits, chunk_counts, chunk_normals
from ranvier.kernels.pool import run_tiles
from ranvier.kernels.tasks import Counts, Normals, Spikes, StepSpikes
from ranvier.values import CountLaw

__all__ = ["limits_of", "step_counts", "step_normals", "step_spikes"]

#: numbers that pay for a tile of their own
_TILE = 1 << 16
_DRAW = ("key0", "key1", "draws", "first", "cells")
_LIMITS = ("per_step", "count", "padded")


def step_normals(*task) -> np.ndarray:
    """As :class:`ranvier.kernels.tasks.Normals`."""
    t = Normals(*task)
    out = empty((t.steps, t.batch, t.cells), torch.float32)
    _filled(_normals_kernel(), t, out)
    return out.numpy()


def step_counts(*task) -> np.ndarray:
    """As :class:`ranvier.kernels.tasks.Counts`."""
    t = Counts(*task)
    out = empty((t.steps, t.batch, t.cells), t.dtype)
    table, strides = limits_of(t.law)
    _filled(_counts_kernel(t.dtype, t.law.each), t, out, limits=table, **strides)
    return out.numpy()


def step_spikes(*task) -> Spikes:
    """As :class:`ranvier.kernels.tasks.StepSpikes`."""
    t = StepSpikes(*task)
    table, strides = limits_of(t.law)
    bounds, given = torch.zeros(t.steps + 1, dtype=torch.int64), {"limits": table, **strides, **_named(t)}
    pieces = max(1, min(torch.get_num_threads(), t.steps * t.cells // (8 * _TILE), t.steps))
    edges = [t.steps * k // pieces for k in range(pieces + 1)]
    cells: list[torch.Tensor] = [bounds] * pieces

    def draw(k: int) -> None:
        """The steps of a piece; their bounds count from its first step."""
        start, stop = edges[k], edges[k + 1]
        room = 64 + (stop - start) * t.cells // 64
        while True:
            out = empty((room,), torch.int32)
            _spikes_kernel(t.law.each).run(out=out, bounds=bounds, room=room, **given, start=start, stop=stop, batch=1)
            if (found := int(bounds[stop])) <= room:
                cells[k] = out[:found]
                return
            room = found

    run_tiles(draw, pieces)
    for k in range(1, pieces):
        bounds[edges[k] + 1 : edges[k + 1] + 1] += bounds[edges[k]].clone()
    return Spikes(cells[0] if pieces == 1 else torch.cat(cells), bounds)


def limits_of(law: CountLaw) -> tuple[torch.Tensor, dict[str, int]]:
    """The thresholds as kernels read them, whole chunks of cells, and the numbers that :class:`Limits` takes."""
    table = law.thresholds
    rows, count, cells = table.shape
    padded = -(-cells // CHUNK) * CHUNK if law.each else 1
    if padded != cells:
        table = np.concatenate([table, np.broadcast_to(table[..., -1:], (rows, count, padded - cells))], -1)
    strides = {"per_step": count * padded if rows > 1 else 0, "count": count, "padded": padded}
    return torch.from_numpy(np.ascontiguousarray(table)).reshape(-1), strides


def _named(t: Normals | Counts | StepSpikes) -> dict[str, int]:
    return dict(zip(_DRAW, (*t.key, t.first, t.cells), strict=True))


def _filled(kernel: Routine, t: Normals | Counts, out: torch.Tensor, **given) -> None:
    """Run over all rows (a step of a sample), in tiles."""
    rows = t.steps * t.batch
    size = max(1, _TILE // max(1, t.cells))
    spans = [(low, min(rows, low + size)) for low in range(0, rows, size)]
    if rows and t.cells:
        kernel.over(spans, out=out, batch=t.batch, **_named(t), **given)


@cache
def _normals_kernel() -> Routine:
    f = Signature({"out": Array(REAL, ...)}, (*_DRAW, "start", "stop", "batch")).open("step_normals", torch.float32)

    def write(cell: ir.Value, n: ir.Value, sample: ir.Value, stream: Stream) -> list[ir.Value]:
        return chunk_normals(f.builder, cell, sample, stream)

    _written(f, write)
    return f.compile()


@cache
def _counts_kernel(dtype: torch.dtype, each: bool) -> Routine:
    arrays = {"out": Array(REAL, ...), "limits": Array(I32, None)}
    f = Signature(arrays, (*_DRAW, *_LIMITS, "start", "stop", "batch")).open("step_counts", dtype)
    b, limit = f.builder, _limits(f, each)
    wide = ir.VectorType(f["out"].type.pointee, HALF)

    def write(cell: ir.Value, n: ir.Value, sample: ir.Value, stream: Stream) -> list[ir.Value]:
        return [b.sitofp(x, wide) for x in chunk_counts(b, cell, sample, stream, limit(n))]

    _written(f, write)
    return f.compile()


@cache
def _spikes_kernel(each: bool) -> Routine:
    """``bounds`` count all spikes; of these as many are written as ``out`` has ``room`` for."""
    arrays = {"out": Array(I32, "room"), "bounds": Array(I64, None), "limits": Array(I32, None)}
    f = Signature(arrays, (*_DRAW, *_LIMITS, "start", "stop", "batch", "room")).open("step_spikes")
    b, limit, top = f.builder, _limits(f, each), local(f.builder, I64(0))
    out, bounds = f["out", "bounds"]
    cells, room = f["cells", "room"]
    i16 = ir.IntType(HALF)
    numbers = b.gep(b.alloca(ir.ArrayType(I32, HALF)), [I32(0), I32(0)])
    trailing = ir.FunctionType(i16, [i16, ir.IntType(1)])
    cttz = ir.Function(b.module, trailing, "llvm.cttz.i16")
    with _rows(f) as (row, n, sample, stream):
        with counted(b, 0, cells, CHUNK) as cell:
            for half, count in enumerate(chunk_counts(b, cell, sample, stream, limit(n))):
                begin = b.add(cell, I64(half * HALF))
                any_yet = b.icmp_signed(">", count, ir.Constant(count.type, [0] * HALF))
                left = local(b, b.bitcast(any_yet, i16))
                with when(b, b.icmp_unsigned("!=", b.load(left), i16(0))):
                    b.store(count, vector_at(b, numbers, 0, HALF), align=4)
                    _listed(b, left, begin, numbers, (out, top), (cells, room), cttz)
        b.store(b.load(top), at(b, bounds, b.add(row, I64(1))))
    return f.compile()


def _listed(
    b: ir.IRBuilder, left: ir.Value, begin: ir.Value, numbers: ir.Value, to: tuple[ir.Value, ir.Value],
    bounds: tuple[ir.Value, ir.Value], cttz: ir.Function,
) -> None:  # fmt: skip
    """Append the cells whose bits are ``left``, each as often as its number says; those behind the last cell are none."""
    (out, top), (cells, room), i16 = to, bounds, left.type.pointee
    body, after = b.append_basic_block("listing"), b.append_basic_block("listed")
    b.branch(body)
    b.position_at_end(body)
    bits = b.load(left)
    lane = b.zext(b.call(cttz, [bits, ir.IntType(1)(1)]), I64)
    rest = b.and_(bits, b.sub(bits, i16(1)))
    b.store(rest, left)
    who = b.add(begin, lane)
    with when(b, b.icmp_signed("<", who, cells)):
        times = b.zext(b.load(at(b, numbers, lane)), I64)
        with counted(b, 0, times):
            place = b.load(top)
            with when(b, b.icmp_signed("<", place, room)):
                b.store(b.trunc(who, I32), at(b, out, place))
            b.store(b.add(place, I64(1)), top)
    b.cbranch(b.icmp_unsigned("!=", rest, i16(0)), body, after)
    b.position_at_end(after)


def _limits(f: Opened, each: bool) -> Callable[[ir.Value], Limits]:
    """The limits of a step."""
    b, table = f.builder, f["limits"]
    per_step, count, padded = f[_LIMITS]
    return lambda row: Limits(at(b, table, b.mul(row, per_step)), count, padded, each)


@contextmanager
def _rows(f: Opened) -> Iterator[tuple[ir.Value, ir.Value, ir.Value, Stream]]:
    """Rows ``start`` to ``stop``, each a step of a sample: its number, its step in the call, its sample and its stream."""
    b = f.builder
    key0, key1, draws, first, start, stop, batch = f["key0", "key1", "draws", "first", "start", "stop", "batch"]
    with counted(b, start, stop) as row:
        n = b.sdiv(row, batch)
        yield row, n, b.srem(row, batch), Stream((key0, key1), b.add(first, n), draws)


def _written(f: Opened, write: Callable[[ir.Value, ir.Value, ir.Value, Stream], list[ir.Value]]) -> None:
    """Write the numbers that ``write(cell, step, sample, stream)`` gives; the last chunk of a row goes through a buffer."""
    b, out, cells = f.builder, f["out"], f["cells"]
    size = out.type.pointee
    with b.goto_entry_block():
        spare = b.gep(b.alloca(ir.ArrayType(size, CHUNK)), [I32(0), I32(0)])
    with _rows(f) as (row, n, sample, stream), counted(b, 0, cells, CHUNK) as cell:
        halves = write(cell, n, sample, stream)
        left, place = b.sub(cells, cell), at(b, out, b.add(b.mul(row, cells), cell))
        whole = b.icmp_signed(">=", left, I64(CHUNK))
        to = b.select(whole, place, spare)
        for k, numbers in enumerate(halves):
            b.store(numbers, vector_at(b, to, k * HALF, HALF), align=bytes_of(size))
        with when(b, b.not_(whole)), counted(b, 0, left) as k:
            b.store(b.load(at(b, spare, k)), at(b, place, k))
