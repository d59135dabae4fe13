"""Find the spikes: a dense ``[R, K]`` tensor, mostly zero, becomes a list of events by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from llvmlite import ir
from torch import Tensor

from ranvier.kernels.cpu.host.buffers import empty, room
from ranvier.kernels.cpu.host.checked import Place
from ranvier.kernels.cpu.host.operands import scalar
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.signature import REAL, Array, Signature
from ranvier.kernels.cpu.host.tiles import spans
from ranvier.kernels.cpu.llvm.functions import (
    I32,
    I64,
    at,
    counted,
    local,
    offset,
    prefetch,
    splat,
    vector_at,
    when,
)
from ranvier.kernels.cpu.llvm.processor import has_feature
from ranvier.kernels.operands import require
from ranvier.kernels.pool import run_tiles

__all__ = ["EventList", "events", "scan_kernel"]

_WIDTH = 16  # elements looked at together, of either dtype
_LEAST = 1 << 17  # elements that pay for a tile of their own
_AHEAD = 1024  # elements to prefetch: the processor itself does not prefetch beyond a page
I1, I16 = ir.IntType(1), ir.IntType(16)
_LISTED = {"x": Array(REAL, None, "columns"), "pointer": Array(I64, None), "found": Array(I32, None)}
_SCAN = Signature(_LISTED | {"graded": Array(I64, None)}, ("start", "stop", "columns", "further"))
_PACK = Signature(
    _LISTED | {"index": Array(I32, None), "value": Array(REAL, "index", optional=True)},
    ("start", "stop", "columns", "base", "valued"),
)


@dataclass(frozen=True, slots=True)
class EventList:
    """The non-zero elements of a ``[rows, columns]`` tensor in row order.

    Attributes
    ----------
    pointer
        Int64 ``[rows + 1]``; events of row r are ``pointer[r]`` up to ``pointer[r + 1]``.
    index
        Int32 ``[count]``, the column of each event (read as unsigned), ascending within a row.
    value
        ``[count]``, the element itself; None where every event is exactly 1.
    columns
        Length of a row of the dense tensor.
    """

    pointer: Tensor
    index: Tensor
    value: Tensor | None
    columns: int

    def then(self, other: EventList) -> EventList:
        """The rows of ``other`` after these; both list plain spikes."""
        pointer = torch.cat([self.pointer, other.pointer[1:] + self.pointer[-1]])
        return EventList(pointer, torch.cat([self.index, other.index]), None, self.columns)

    def of_rows(self, wanted: Sequence[range]) -> EventList:
        """Some rows alone, one range after another; of plain spikes."""
        ends = [(int(self.pointer[r.start]), int(self.pointer[r.stop])) for r in wanted]
        pointer, before = [self.pointer.new_zeros(1)], 0
        for r, (low, high) in zip(wanted, ends, strict=True):
            pointer.append(self.pointer[r.start + 1 : r.stop + 1] + (before - low))
            before += high - low
        index = torch.cat([self.index[low:high] for low, high in ends])
        return EventList(torch.cat(pointer), index, None, self.columns)

    @property
    def rows(self) -> int:
        """Number of rows of the dense tensor."""
        return self.pointer.numel() - 1

    @property
    def count(self) -> int:
        """Number of events."""
        return self.index.numel()


def events(x: Tensor, compress: bool | None = None) -> EventList:
    """List the non-zero elements of ``x`` (NaN counts as non-zero, minus zero does not).

    Parameters
    ----------
    x
        ``[R, K]``, contiguous, float32 or float64.
    compress
        Use the AVX-512 compress instruction; by default where the processor has it.

    Raises
    ------
    TypeError, ValueError
        ``x`` is not such a tensor.
    """
    require(x, "x", (None, None))
    rows, columns = x.shape
    tiles = spans(rows, _LEAST // max(1, columns))
    pointer = torch.zeros(rows + 1, dtype=torch.int64)
    found = room([rows * columns + _WIDTH * len(tiles)], torch.int32)
    graded = torch.zeros(len(tiles), dtype=torch.int64)

    def place(i: int) -> Tensor | Place:
        return found if i == 0 else Place(found, 4 * (tiles[i][0] * columns + _WIDTH * i))

    scan, rows_of = scan_kernel(x.dtype, compress), {"x": x, "pointer": pointer, "columns": columns}

    def look(i: int) -> None:
        start, stop = tiles[i]
        scan.run(
            **rows_of,
            start=start,
            stop=stop,
            found=place(i),
            graded=graded if i == 0 else Place(graded, 8 * i),
            further=False,
        )

    run_tiles(look, len(tiles))
    base = [0]
    for _, stop in tiles:
        base.append(base[-1] + (int(pointer[stop]) if rows else 0))
    index = empty([base[-1]], torch.int32)
    value = empty([base[-1]], x.dtype) if any(graded.tolist()) else None
    pack, listed = _pack_kernel(x.dtype), {"index": index, "value": value, "valued": value is not None}

    def gather(i: int) -> None:
        start, stop = tiles[i]
        pack.run(**rows_of, **listed, start=start, stop=stop, found=place(i), base=base[i])

    run_tiles(gather, len(tiles))
    return EventList(pointer, index, value, columns)


def scan_kernel(dtype: torch.dtype, compress: bool | None = None) -> Routine:
    """The kernel that lists the non-zero elements of rows ``start`` to ``stop``, with the running count after each row.

    ``graded`` becomes 1 where one is not 1; with ``further`` the count goes on from ``pointer[start]``. ``found`` is written
    up to 16 elements past the last event.
    """
    return _scan_kernel(dtype, has_feature("avx512f") if compress is None else compress)


@cache
def _scan_kernel(dtype: torch.dtype, compress: bool) -> Routine:
    f = _SCAN.open(f"scan_events_{scalar(dtype)}_{'compress' if compress else 'bits'}", dtype)
    b, real = f.builder, scalar(dtype)
    x, pointer, found = f["x", "pointer", "found"]
    start, stop, columns, further = f["start", "stop", "columns", "further"]
    wide = ir.VectorType(real, _WIDTH)
    zeros, ones = ir.Constant(wide, [0.0] * _WIDTH), ir.Constant(wide, [1.0] * _WIDTH)
    before = b.load(at(b, pointer, start))
    count = local(b, b.select(b.icmp_signed("!=", further, I64(0)), before, I64(0)))
    graded = local(b, I16(0))
    write = _write_compressed if compress else _write_bits

    def look(row: ir.Value, column: ir.Value, wanted: ir.Value | None = None) -> None:
        prefetch(b, at(b, b.gep(x, [row]), b.add(column, I64(_AHEAD))))
        values = b.load(vector_at(b, b.gep(x, [row]), column, _WIDTH), align=dtype.itemsize)
        mask = b.bitcast(b.fcmp_unordered("!=", values, zeros), I16)
        mask = mask if wanted is None else b.and_(mask, wanted)
        other = b.bitcast(b.fcmp_unordered("!=", values, ones), I16)
        b.store(b.or_(b.load(graded), b.and_(mask, other)), graded)
        n = b.load(count)
        write(b, b.gep(found, [n]), mask, b.trunc(column, I32))
        b.store(b.add(n, b.zext(b.ctpop(mask), I64)), count)

    last = b.sub(columns, I64(_WIDTH))
    rest = b.and_(columns, I64(_WIDTH - 1))
    fresh = b.shl(I16(-1), b.trunc(b.sub(I64(_WIDTH), rest), I16))  # lanes the overlapping last vector has not seen yet
    with counted(b, start, stop) as r:
        row = b.mul(r, columns)
        with counted(b, 0, b.sub(columns, I64(_WIDTH - 1)), _WIDTH) as k:
            look(row, k)
        with b.if_else(b.icmp_signed(">=", last, I64(0))) as (long, short):
            with long, when(b, b.icmp_signed("!=", rest, I64(0))):
                look(row, last, fresh)
            with short, counted(b, 0, columns) as k:
                element = b.load(at(b, x, b.add(row, k)))
                mask = b.zext(b.fcmp_unordered("!=", element, real(0.0)), I16)
                other = b.zext(b.fcmp_unordered("!=", element, real(1.0)), I16)
                b.store(b.or_(b.load(graded), b.and_(mask, other)), graded)
                n = b.load(count)
                b.store(b.trunc(k, I32), at(b, found, n))
                b.store(b.add(n, b.zext(mask, I64)), count)
        b.store(b.load(count), at(b, pointer, b.add(r, I64(1))))
    b.store(b.zext(b.load(graded), I64), f["graded"])
    return f.compile()


def _write_compressed(b: ir.IRBuilder, target: ir.Value, mask: ir.Value, base: ir.Value) -> None:
    """Store ``base +`` the positions of the set bits, packed; all 16 elements at ``target`` are overwritten."""
    wide = ir.VectorType(I32, _WIDTH)
    places = b.add(splat(b, base, _WIDTH), ir.Constant(wide, list(range(_WIDTH))))
    name, chosen = "llvm.x86.avx512.mask.compress.v16i32", ir.VectorType(I1, _WIDTH)
    kind = ir.FunctionType(wide, [wide, wide, chosen])
    compress = b.module.globals.get(name) or ir.Function(b.module, kind, name)
    packed = b.call(compress, [places, ir.Constant(wide, [0] * _WIDTH), b.bitcast(mask, chosen)])
    b.store(packed, vector_at(b, target, 0, _WIDTH), align=4)


def _write_bits(b: ir.IRBuilder, target: ir.Value, mask: ir.Value, base: ir.Value) -> None:
    """The same on any processor: one set bit after another."""
    left = local(b, mask)
    with counted(b, 0, b.zext(b.ctpop(mask), I64)) as i:
        bits = b.load(left)
        place = b.zext(b.cttz(bits, I1(1)), I32)
        b.store(b.add(base, place), at(b, target, i))
        b.store(b.and_(bits, b.sub(bits, I16(1))), left)


@cache
def _pack_kernel(dtype: torch.dtype) -> Routine:
    """Move a tile's events to their place in the list, shift its row pointers, and fetch the values where ``valued``."""
    f = _PACK.open(f"pack_events_{scalar(dtype)}", dtype)
    b = f.builder
    x, pointer, found, index, value = f["x", "pointer", "found", "index", "value"]
    start, stop, columns, base, valued = f["start", "stop", "columns", "base", "valued"]
    done = local(b, I64(0))
    with counted(b, start, stop) as r:
        slot = at(b, pointer, b.add(r, I64(1)))
        end = b.load(slot)
        with when(b, b.icmp_signed("!=", valued, I64(0))), counted(b, b.load(done), end) as e:
            element = at(b, x, b.add(b.mul(r, columns), offset(b, b.load(at(b, found, e)))))
            b.store(b.load(element), at(b, value, b.add(base, e)))
        b.store(end, done)
        b.store(b.add(base, end), slot)
    with counted(b, 0, b.load(done)) as e:
        b.store(b.load(at(b, found, e)), at(b, index, b.add(base, e)))
    return f.compile()
