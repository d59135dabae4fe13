"""How many synapses each row gets where only their total is given, and rows made from columns."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from llvmlite import ir

from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.signature import Array, Signature
from ranvier.kernels.cpu.llvm.functions import I32, I64, at, counted, local, offset, when
from ranvier.kernels.cpu.llvm.lanes import Lanes
from ranvier.kernels.cpu.llvm.philox import Stream, uniform_lanes
from ranvier.kernels.pool import run_tiles

__all__ = ["divided", "divided_distinct", "transposed"]

_WIDTH = 8
_ROWS = {"row_pointer": Array(I64, None), "target": Array(I32, None)}
_TILE = 1 << 20  # draws, or synapses, that pay for a tile of their own
_MOST = 16  # tiles of a transposition: each counts every column


def divided(key: tuple[int, int], total: int, rows: int, stream: int = 0) -> np.ndarray:
    """Int64 ``[rows]``: how often each row is hit by ``total`` draws with replacement (multinomial)."""
    tiles = max(1, -(-total // _TILE))
    counts = np.zeros((min(tiles, _MOST), rows), np.int64)
    kernel = _divide_kernel()

    def task(i: int) -> None:
        for tile in range(i, tiles, len(counts)):
            first = tile * _TILE
            drawn = {"first": first, "total": min(_TILE, total - first), "rows": rows, "choices": 0}
            kernel.run(counts=torch.from_numpy(counts[i]), key0=key[0], key1=key[1], stream=stream, **drawn)

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
    sizes = {"first": 0, "total": drawn, "rows": rows, "choices": choices}
    _divide_kernel().run(counts=torch.from_numpy(counts), key0=key[0], key1=key[1], stream=stream, **sizes)
    return choices - counts if inverted else counts


def transposed(row_pointer: np.ndarray, target: np.ndarray, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """The same pairs by column: for each target its rows, in rising order (a counting sort)."""
    rows = len(row_pointer) - 1
    tiles = max(1, min(_MOST, rows, len(target) // _TILE))
    borders = np.searchsorted(row_pointer, np.linspace(0, len(target), tiles + 1)[1:-1])
    borders = [0, *borders.tolist(), rows]
    counts = np.zeros((tiles, columns), np.int64)
    count, place = _count_kernel(), _place_kernel()
    given = {"row_pointer": torch.from_numpy(row_pointer), "target": torch.from_numpy(target)}

    def look(i: int) -> None:
        count.run(**given, counts=torch.from_numpy(counts[i]), start=borders[i], stop=borders[i + 1])

    run_tiles(look, tiles)
    pointer = np.zeros(columns + 1, np.int64)
    np.cumsum(counts.sum(0), out=pointer[1:])
    places = np.cumsum(counts, 0) - counts + pointer[:-1]
    out = np.empty(len(target), np.int32)

    def move(i: int) -> None:
        arrays = {"places": torch.from_numpy(places[i]), "out": torch.from_numpy(out)}
        place.run(**given, **arrays, start=borders[i], stop=borders[i + 1])

    run_tiles(move, tiles)
    return pointer, out


@cache
def _divide_kernel() -> Routine:
    """Counts ``total`` draws from draw ``first`` on; ``choices`` 0 is without limit."""
    integers = ("key0", "key1", "stream", "first", "total", "rows", "choices")
    f = Signature({"counts": Array(I64, "rows")}, integers).open("divide")
    b = f.builder
    lanes = Lanes(b, "float64")
    double = lanes.scalar
    counts = f["counts"]
    k0, k1, number, first, total, rows, choices = f.integers()
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
    return f.compile()


@cache
def _count_kernel() -> Routine:
    f = Signature({**_ROWS, "counts": Array(I64, None)}, ("start", "stop")).open("count_columns")
    b = f.builder
    pointer, target, counts, start, stop = f["row_pointer", "target", "counts", "start", "stop"]
    with counted(b, b.load(at(b, pointer, start)), b.load(at(b, pointer, stop))) as s:
        slot = at(b, counts, offset(b, b.load(at(b, target, s))))
        b.store(b.add(b.load(slot), I64(1)), slot)
    return f.compile()


@cache
def _place_kernel() -> Routine:
    """``places`` are the next place of each column."""
    arrays = {**_ROWS, "places": Array(I64, None), "out": Array(I32, "target")}
    f = Signature(arrays, ("start", "stop")).open("place_columns")
    b = f.builder
    pointer, target, places, out, start, stop = f["row_pointer", "target", "places", "out", "start", "stop"]
    with counted(b, start, stop) as row:
        low, high = b.load(at(b, pointer, row)), b.load(at(b, pointer, b.add(row, I64(1))))
        with counted(b, low, high) as s:
            slot = at(b, places, offset(b, b.load(at(b, target, s))))
            where = b.load(slot)
            b.store(b.trunc(row, I32), at(b, out, where))
            b.store(b.add(where, I64(1)), slot)
    return f.compile()
