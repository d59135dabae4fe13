"""How many synapses each row gets where only their total is given, and rows made from columns."""

from __future__ import annotations

from functools import cache

import numpy as np
from llvmlite import ir

from ranvier.kernels.cpu.llvm.functions import I32, I64, at, counted, function, local, offset, when
from ranvier.kernels.cpu.llvm.jit import Kernel, compile_kernel
from ranvier.kernels.cpu.llvm.lanes import Lanes
from ranvier.kernels.cpu.llvm.philox import Stream, uniform_lanes
from ranvier.kernels.pool import run_tiles

__all__ = ["divided", "divided_distinct", "transposed"]

_WIDTH = 8
_TILE = 1 << 20  # draws, or synapses, worth a tile of their own
_MOST = 16  # tiles of a transposition: each counts every column


def divided(key: tuple[int, int], total: int, rows: int, stream: int = 0) -> np.ndarray:
    """Int64 ``[rows]``: how often each row is hit by ``total`` draws with replacement (multinomial)."""
    tiles = max(1, -(-total // _TILE))
    counts = np.zeros((min(tiles, _MOST), rows), np.int64)
    kernel = _divide_kernel()

    def task(i: int) -> None:
        for tile in range(i, tiles, len(counts)):
            first = tile * _TILE
            kernel([counts[i].ctypes.data], [*key, stream, first, min(_TILE, total - first), rows, 0])

    run_tiles(task, len(counts))
    return counts.sum(0)


def divided_distinct(key: tuple[int, int], total: int, rows: int, choices: int, stream: int = 0) -> np.ndarray:
    """Int64 ``[rows]``: how many of ``total`` places, drawn without replacement, lie in each row of ``choices`` places.

    A row is drawn and kept with the probability that a place drawn in it is still free (multivariate hypergeometric);
    above one half the free places are divided instead. Two streams are used.
    """
    inverted = 2 * total > rows * choices
    counts = np.zeros(rows, np.int64)
    drawn = rows * choices - total if inverted else total
    _divide_kernel()([counts.ctypes.data], [*key, stream, 0, drawn, rows, choices])
    return choices - counts if inverted else counts


def transposed(row_pointer: np.ndarray, target: np.ndarray, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """The same pairs by column: for each target its rows, in rising order (a counting sort)."""
    rows = len(row_pointer) - 1
    tiles = max(1, min(_MOST, rows, len(target) // _TILE))
    borders = np.searchsorted(row_pointer, np.linspace(0, len(target), tiles + 1)[1:-1])
    borders = [0, *borders.tolist(), rows]
    counts = np.zeros((tiles, columns), np.int64)
    count, place = _count_kernel(), _place_kernel()

    def look(i: int) -> None:
        count([row_pointer.ctypes.data, target.ctypes.data, counts[i].ctypes.data], [borders[i], borders[i + 1]])

    run_tiles(look, tiles)
    pointer = np.zeros(columns + 1, np.int64)
    np.cumsum(counts.sum(0), out=pointer[1:])
    places = np.cumsum(counts, 0) - counts + pointer[:-1]
    out = np.empty(len(target), np.int32)

    def move(i: int) -> None:
        table = [row_pointer, target, places[i], out]
        place([array.ctypes.data for array in table], [borders[i], borders[i + 1]])

    run_tiles(move, tiles)
    return pointer, out


@cache
def _divide_kernel() -> Kernel:
    """Pointer: counts. Integers: key (2), stream, first draw, draws to count, rows, choices (0: without limit)."""
    f = function("divide")
    b = f.builder
    lanes = Lanes(b, "float64")
    double = lanes.scalar
    counts = f.pointers(0, I64)
    k0, k1, number, first, total, rows, choices = (f.integer(i) for i in range(7))
    rows_real = lanes.splat(b.sitofp(rows, double))
    choices_real = lanes.splat(b.sitofp(choices, double))
    limited = b.icmp_signed(">", choices, I64(0))
    with b.goto_entry_block():
        hits, marks = b.alloca(I64, size=I64(_WIDTH)), b.alloca(I64, size=I64(_WIDTH))
    done, element = local(b, I64(0)), local(b, first)
    streams = [Stream((k0, k1), I64(0), b.add(number, I64(n))) for n in (0, 1)]

    def keep(place: ir.Value, stream: Stream, scale: ir.Value) -> None:
        value = b.fptosi(lanes.mul(uniform_lanes(lanes, b.load(element), stream), scale), lanes.integer)
        b.store(value, b.bitcast(place, lanes.integer.as_pointer())).align = 8

    head, body, after = (b.append_basic_block(n) for n in ("more", "draw", "enough"))
    b.branch(head)
    b.position_at_end(head)
    b.cbranch(b.icmp_signed("<", b.load(done), total), body, after)
    b.position_at_end(body)
    keep(hits, streams[0], rows_real)
    with when(b, limited):
        keep(marks, streams[1], choices_real)
    b.store(b.add(b.load(element), I64(_WIDTH)), element)
    with counted(b, I64(0), I64(_WIDTH)) as i:
        row = b.load(at(b, hits, i))
        slot = at(b, counts, row)
        used = b.load(slot)
        free = b.or_(b.not_(limited), b.icmp_signed(">=", b.load(at(b, marks, i)), used))
        with when(b, b.and_(free, b.icmp_signed("<", b.load(done), total))):
            b.store(b.add(used, I64(1)), slot)
            b.store(b.add(b.load(done), I64(1)), done)
    b.branch(head)
    b.position_at_end(after)
    return compile_kernel("divide", f.text())


@cache
def _count_kernel() -> Kernel:
    """Pointers: row pointer, target, counts. Integers: first and last row."""
    f = function("count_columns")
    b = f.builder
    pointer, target, counts = f.pointers(0, I64), f.pointers(1, I32), f.pointers(2, I64)
    start, stop = f.integer(0), f.integer(1)
    with counted(b, b.load(at(b, pointer, start)), b.load(at(b, pointer, stop))) as s:
        slot = at(b, counts, offset(b, b.load(at(b, target, s))))
        b.store(b.add(b.load(slot), I64(1)), slot)
    return compile_kernel("count_columns", f.text())


@cache
def _place_kernel() -> Kernel:
    """Pointers: row pointer, target, next place of each column, out. Integers: first and last row."""
    f = function("place_columns")
    b = f.builder
    pointer, target, places, out = f.pointers(0, I64), f.pointers(1, I32), f.pointers(2, I64), f.pointers(3, I32)
    start, stop = f.integer(0), f.integer(1)
    with counted(b, start, stop) as row:
        low, high = b.load(at(b, pointer, row)), b.load(at(b, pointer, b.add(row, I64(1))))
        with counted(b, low, high) as s:
            slot = at(b, places, offset(b, b.load(at(b, target, s))))
            where = b.load(slot)
            b.store(b.trunc(row, I32), at(b, out, where))
            b.store(b.add(where, I64(1)), slot)
    return compile_kernel("place_columns", f.text())
