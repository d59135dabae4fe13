"""Numbers for every step, sample and cell: normal ones, counts, and counts as a list of spikes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import torch
from llvmlite import ir

from ranvier.kernels.cpu.host.buffers import empty
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.signature import REAL, Array, Opened, Signature
from ranvier.kernels.cpu.llvm.functions import I32, I64, at, counted, local, vector_at, when
from ranvier.kernels.cpu.llvm.memory import bytes_of
from ranvier.kernels.cpu.llvm.philox import Stream
from ranvier.kernels.cpu.llvm.step_counts import (
    LIMIT_ARRAYS,
    LIMIT_NUMBERS,
    UNIT,
    Limits,
    UnitCounts,
    each_bit,
    unit_counts,
)
from ranvier.kernels.cpu.llvm.step_words import CHUNK, HALF, chunk_normals
from ranvier.kernels.pool import run_tiles
from ranvier.kernels.tasks import Counts, Normals, Spikes, StepSpikes
from ranvier.values import CountLaw

__all__ = ["limits_of", "room_of", "step_counts", "step_normals", "step_spikes"]

#: numbers that pay for a tile of their own
_TILE = 1 << 16
_DRAW = ("key0", "key1", "draws", "first", "cells")


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
    _filled(_counts_kernel(t.dtype, t.law.each), t, out, **limits_of(t.law))
    return out.numpy()


def step_spikes(*task) -> Spikes:
    """As :class:`ranvier.kernels.tasks.StepSpikes`."""
    t = StepSpikes(*task)
    bounds, given = torch.zeros(t.steps + 1, dtype=torch.int64), {**limits_of(t.law), **_named(t)}
    pieces = max(1, min(torch.get_num_threads(), t.steps * t.cells // (8 * _TILE), t.steps))
    edges = [t.steps * k // pieces for k in range(pieces + 1)]
    cells: list[torch.Tensor] = [bounds] * pieces

    def draw(k: int) -> None:
        """The steps of a piece; their bounds count from its first step."""
        start, stop = edges[k], edges[k + 1]
        room = room_of(t.law, start, stop, t.cells)
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


def room_of(law: CountLaw, start: int, stop: int, cells: int) -> int:
    """Room for the spikes that a law draws for so many cells in the steps [start, stop): it overflows once in 10^14 times."""
    expected = law.most_expected(slice(start, stop), cells)
    return int(expected + 8 * math.sqrt(expected)) + 64


def limits_of(law: CountLaw) -> dict[str, Any]:
    """The thresholds as kernels read them, whole units of cells, and their strides."""
    _, count, cells = law.coarse.shape
    padded = -(-cells // UNIT) * UNIT if law.each else 1
    strides = {"per_step": 0 if law.steady else count * padded, "count": count, "padded": padded}
    return {"coarse": _whole(law.coarse, padded), "fine": _whole(law.fine, padded), **strides}


def _whole(table: np.ndarray, padded: int) -> torch.Tensor:
    """A row for ``padded`` cells, of which the spare ones repeat the last."""
    rows, count, cells = table.shape
    if padded != cells:
        table = np.concatenate([table, np.broadcast_to(table[..., -1:], (rows, count, padded - cells))], -1)
    return torch.from_numpy(np.ascontiguousarray(table)).reshape(-1)


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
    b, cells = f.builder, f["cells"]
    with _rows(f) as (row, _, sample, stream), counted(b, 0, cells, CHUNK) as cell, _placed(f, row, cell, CHUNK) as to:
        for half, numbers in enumerate(chunk_normals(b, cell, sample, stream)):
            b.store(numbers, vector_at(b, to, half * HALF, HALF), align=4)
    return f.compile()


@cache
def _counts_kernel(dtype: torch.dtype, each: bool) -> Routine:
    integers = (*_DRAW, *LIMIT_NUMBERS, "start", "stop", "batch")
    f = Signature({"out": Array(REAL, ...), **LIMIT_ARRAYS}, integers).open("step_counts", dtype)
    b, law, cells = f.builder, _law(f), f["cells"]
    kind = f["out"].type.pointee
    with _rows(f) as (row, n, sample, stream):
        limits = Limits.at_row(b, law, n, each)
        with unit_counts(b, (I64(0), cells), sample, stream, limits) as unit, _placed(f, row, unit.begin, UNIT) as to:
            for first in range(0, UNIT, HALF):
                numbers = b.sitofp(unit.vector(b, first, HALF), ir.VectorType(kind, HALF))
                b.store(numbers, vector_at(b, to, first, HALF), align=bytes_of(kind))
    return f.compile()


@cache
def _spikes_kernel(each: bool) -> Routine:
    """``bounds`` count all spikes; of these as many are written as ``out`` has ``room`` for."""
    arrays = {"out": Array(I32, "room"), "bounds": Array(I64, None), **LIMIT_ARRAYS}
    f = Signature(arrays, (*_DRAW, *LIMIT_NUMBERS, "start", "stop", "batch", "room")).open("step_spikes")
    b, law, top = f.builder, _law(f), local(f.builder, I64(0))
    out, bounds = f["out", "bounds"]
    cells, room = f["cells", "room"]
    with _rows(f) as (row, n, sample, stream):
        with unit_counts(b, (I64(0), cells), sample, stream, Limits.at_row(b, law, n, each)) as unit:
            _list(b, unit, (out, top), (cells, room))
        b.store(b.load(top), at(b, bounds, b.add(row, I64(1))))
    return f.compile()


def _list(b: ir.IRBuilder, unit: UnitCounts, to: tuple[ir.Value, ir.Value], bounds: tuple[ir.Value, ir.Value]) -> None:
    """Append the cells of a unit, each as often as it counts; those behind the last cell are none."""
    (out, top), (cells, room) = to, bounds
    with each_bit(b, unit.some) as lane:
        who = b.add(unit.begin, lane)
        with when(b, b.icmp_signed("<", who, cells)), counted(b, 0, b.zext(b.load(at(b, unit.tally, lane)), I64)):
            place = b.load(top)
            with when(b, b.icmp_signed("<", place, room)):
                b.store(b.trunc(who, I32), at(b, out, place))
            b.store(b.add(place, I64(1)), top)


def _law(f: Opened) -> dict[str, ir.Value]:
    """The arguments of a law."""
    return {n: f[n] for n in (*LIMIT_ARRAYS, *LIMIT_NUMBERS)}


@contextmanager
def _rows(f: Opened) -> Iterator[tuple[ir.Value, ir.Value, ir.Value, Stream]]:
    """Rows ``start`` to ``stop``, each a step of a sample: its number, its step in the call, its sample and its stream."""
    b = f.builder
    key0, key1, draws, first, start, stop, batch = f["key0", "key1", "draws", "first", "start", "stop", "batch"]
    with counted(b, start, stop) as row:
        n = b.sdiv(row, batch)
        yield row, n, b.srem(row, batch), Stream((key0, key1), b.add(first, n), draws)


@contextmanager
def _placed(f: Opened, row: ir.Value, cell: ir.Value, width: int) -> Iterator[ir.Value]:
    """Where ``width`` numbers from ``cell`` on are to be written; the last ones of a row go through a buffer."""
    b, out, cells = f.builder, f["out"], f["cells"]
    with b.goto_entry_block():
        spare = b.gep(b.alloca(ir.ArrayType(out.type.pointee, width)), [I32(0), I32(0)])
    left, place = b.sub(cells, cell), at(b, out, b.add(b.mul(row, cells), cell))
    whole = b.icmp_signed(">=", left, I64(width))
    yield b.select(whole, place, spare)
    with when(b, b.not_(whole)), counted(b, 0, left) as k:
        b.store(b.load(at(b, spare, k)), at(b, place, k))
