"""Dense delayed sums: every source at every step, batch elements side by side.

``out[s, b, k] = sum over synapses (n, k) and taps j of taps[n, k, j] * source[s - shift + first[n, k] + j, b, n]``

The input gradient of a delayed product has this form, and so has the product itself with time and roles reversed. The
source is laid out ``[groups, N, time, lanes]``, a group being as many batch elements as a vector has lanes: each load
then is one aligned vector, which serves all taps that fall on it, and sums of several steps stay in registers. Where steps are summed
one by one, a group is several vectors wide (:func:`abreast`), which share the weights and the places that are read.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import cache
from typing import Any, NamedTuple

import torch
from llvmlite import ir
from torch import Tensor

from ranvier.kernels.cpu.host.buffers import empty
from ranvier.kernels.cpu.host.operands import lanes, scalar, vectors
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.signature import REAL, Array, Opened, Signature
from ranvier.kernels.cpu.host.tiles import run_spans
from ranvier.kernels.cpu.llvm.functions import (
    I32,
    I64,
    at,
    counted,
    local,
    offset,
    splat,
    vector_at,
)

__all__ = ["Wiring", "abreast", "correlate", "correlate_step", "pack", "silent_lines", "steps_at_once"]

_PIECE = 8  # taps in registers together
_ABREAST = 4  # vectors of a group whose steps are summed one by one
_CORRELATE = Signature(
    {
        "lines": Array(REAL, None, "sources", "length", None),
        "first": Array(I32, ...),
        "weight": Array(REAL, ...),
        "out": Array(REAL, ...),
        "row_pointer": Array(I64, None, optional=True),
        "target": Array(I32, "first", optional=True),
        "sums": Array(REAL, "outputs", None, None),
    },
    ("start", "stop", "chunks", "sources", "outputs", "width", "taps", "length", "steps", "batch", "begin"),
)
_PACK = Signature(
    {"dense": Array(REAL, "steps", "batch", "width", apart=True), "lines": Array(REAL, None, "width", "length", None)},
    ("start", "steps", "batch", "width", "length", "row"),
)


class Wiring(NamedTuple):
    """The lines that each sum reads, with their places and weights.

    Attributes
    ----------
    first, taps
        Dense: int32 ``[blocks, K, width]`` and ``[blocks, K, width, taps]``. Sparse: ``[S]`` and ``[S, taps]``. Up to
        eight taps their number is a power of two, else a multiple of eight.
    sources, outputs, width
        N, K and the sources in a block.
    row_pointer, target
        Sparse: int64 ``[K + 1]`` and int32 ``[S]``, whose lines output k reads; None where dense.
    """

    first: Tensor
    taps: Tensor
    sources: int
    outputs: int
    width: int
    row_pointer: Tensor | None = None
    target: Tensor | None = None

    def kernel(self, count: int, wide: int) -> Routine:
        """The kernel for ``count`` steps in registers, of groups of ``wide`` batch elements."""
        taps = self.taps.shape[-1]
        return _correlate_kernel(
            self.taps.dtype, count, min(_PIECE, taps), taps > _PIECE, self.target is not None, wide
        )

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the kernel that are the same in every call."""
        return {
            "first": self.first, "weight": self.taps, "row_pointer": self.row_pointer, "target": self.target,
            "sources": self.sources, "outputs": self.outputs, "width": self.width, "taps": self.taps.shape[-1],
        }  # fmt: skip


def steps_at_once() -> int:
    """Steps whose sums are in registers together."""
    return 12 if vectors() >= 16 else 4


def abreast(batch: int, dtype: torch.dtype) -> int:
    """Batch elements of a group whose steps are summed one by one."""
    count = -(-batch // lanes(dtype))
    return lanes(dtype) * -(-count // max(1, -(-count // _ABREAST)))


def silent_lines(batch: int, width: int, length: int, dtype: torch.dtype, wide: int | None = None) -> Tensor:
    """Time lines ``[groups, width, length, wide]`` of ``batch`` silent elements; a group is one vector ``wide`` by default."""
    wide = wide or lanes(dtype)
    return empty([-(-batch // wide), width, length, wide], dtype).zero_()


def pack(dense: Tensor, lines: Tensor, start: int) -> None:
    """Put steps ``[S, B, N]`` (rows may be longer) into time lines from time ``start`` on."""
    steps, batch, width = dense.shape
    kernel = _pack_kernel(dense.dtype, lines.shape[3])
    kernel.run(
        dense=dense, lines=lines, start=start, steps=steps, batch=batch, width=width, length=lines.shape[2],
        row=dense.stride(0),
    )  # fmt: skip


def correlate(lines: Tensor, wiring: Wiring, steps: int, batch: int) -> Tensor:
    """The sum above for all steps: ``[S, B, K]``; ``lines`` reach beyond the last whole chunk and its taps."""
    out = empty([steps, batch, wiring.outputs], lines.dtype)
    groups, _, length, wide = lines.shape
    count = steps_at_once()
    chunks = -(-steps // count)
    kernel, given = wiring.kernel(count, wide), {"lines": lines, "out": out, **wiring.arguments}
    sizes = {"chunks": chunks, "length": length, "steps": steps, "batch": batch, "begin": 0}

    def task(start: int, stop: int) -> None:
        sums = empty([wiring.outputs, count, wide], lines.dtype)
        kernel.run(**given, **sizes, sums=sums, start=start, stop=stop)

    run_spans(task, groups * chunks)
    return out


def correlate_step(lines: Tensor, wiring: Wiring, out: Tensor, time: int) -> None:
    """The sum above for one step, ``out`` ``[B, K]``, from the lines at ``time`` and later."""
    groups, _, length, wide = lines.shape
    kernel, given = wiring.kernel(1, wide), {"lines": lines, "out": out, **wiring.arguments}
    sizes = {"chunks": 1, "length": length, "steps": 1, "batch": out.shape[0], "begin": time}

    def task(start: int, stop: int) -> None:
        sums = empty([wiring.outputs, 1, wide], lines.dtype)
        kernel.run(**given, **sizes, sums=sums, start=start, stop=stop)

    run_spans(task, groups)


@cache
def _correlate_kernel(dtype: torch.dtype, count: int, piece: int, pieces: bool, sparse: bool, wide: int) -> Routine:
    """``count`` steps in registers, ``piece`` taps at once, or several ``pieces``, of groups of ``wide`` elements.

    Items are pairs of group and chunk of steps.

    ``width`` is that of a block, ``taps`` their number, ``length`` that of a line, and ``begin`` the time of step 0.
    """
    real, size, together = scalar(dtype), dtype.itemsize, lanes(dtype)
    told = f"{'_pieces' * pieces}{'_sparse' * sparse}"
    f = _CORRELATE.open(f"correlate_{real}_{count}x{piece}x{wide}{told}", dtype)
    b = f.builder
    lines, table, taps, sums = f["lines", "first", "weight", "sums"]
    start, stop, chunks, sources, outputs = f["start", "stop", "chunks", "sources", "outputs"]
    width, every, length, begin = f["width", "taps", "length", "begin"]
    zero = ir.Constant(ir.VectorType(real, wide), [0.0] * wide)
    own, step = local(b, lines), local(b, I64(0))

    def listen(totals: list[ir.Value], source: ir.Value, synapse: ir.Value) -> None:
        time = b.add(b.add(begin, b.load(step)), offset(b, b.load(at(b, table, synapse))))
        line = at(b, b.load(own), b.mul(b.add(b.mul(source, length), time), I64(wide)))
        with counted(b, 0, every, piece) if pieces else nullcontext(I64(0)) as j:
            here = at(b, taps, b.add(b.mul(synapse, every), j))
            factors = [splat(b, b.load(at(b, here, i)), wide) for i in range(piece)]
            read = at(b, line, b.mul(j, I64(wide)))
            for i in range(count + piece - 1):
                heard = b.load(vector_at(b, read, i * wide, wide), align=size)
                for q in range(max(0, i - count + 1), min(piece, i + 1)):
                    term = b.fmul(heard, factors[q], flags=("contract",))
                    b.store(b.fadd(b.load(totals[i - q]), term, flags=("contract",)), totals[i - q])

    def gather(output: ir.Value, synapses: Callable[[list[ir.Value]], None]) -> None:
        row = b.mul(output, I64(count * wide))
        slots = [vector_at(b, sums, b.add(row, I64(i * wide)), wide) for i in range(count)]
        totals = [local(b, b.load(s, align=size)) for s in slots]
        synapses(totals)
        for s, total in zip(slots, totals, strict=True):
            b.store(b.load(total), s, align=size)

    with counted(b, start, stop) as item:
        group = b.sdiv(item, chunks)
        b.store(b.mul(b.srem(item, chunks), I64(count)), step)
        b.store(at(b, lines, b.mul(b.mul(b.mul(group, sources), length), I64(wide))), own)
        with counted(b, 0, b.mul(outputs, I64(count))) as i:
            b.store(zero, vector_at(b, sums, b.mul(i, I64(wide)), wide), align=size)
        if sparse:
            row_pointer, target = f["row_pointer", "target"]
            with counted(b, 0, outputs) as k:

                def named(totals: list[ir.Value], k: ir.Value = k) -> None:
                    low, high = (b.load(at(b, row_pointer, b.add(k, I64(i)))) for i in (0, 1))
                    with counted(b, low, high) as s:
                        listen(totals, offset(b, b.load(at(b, target, s))), s)

                gather(k, named)
        else:  # few sources at a time: their lines stay in the first-level cache while all outputs read them
            with counted(b, 0, sources, together) as first, counted(b, 0, outputs) as k:

                def all_of_block(totals: list[ir.Value], k: ir.Value = k, first: ir.Value = first) -> None:
                    block = b.sdiv(first, width)
                    row = b.mul(b.sub(b.add(b.mul(block, outputs), k), block), width)  # where source 0 would be
                    with counted(b, first, _least(b, b.add(first, I64(together)), sources)) as n:
                        listen(totals, n, b.add(row, n))

                gather(k, all_of_block)
        _write(f, sums, group, b.load(step), (count, wide))
    return f.compile()


def _write(f: Opened, sums: ir.Value, group: ir.Value, step: ir.Value, shape: tuple[int, int]) -> None:
    """Carry the sums of a chunk of steps to the result ``[S, B, K]``."""
    b, (count, wide) = f.builder, shape
    out, outputs, steps, batch = f["out", "outputs", "steps", "batch"]
    after = _least(b, b.add(step, I64(count)), steps)
    elements = _least(b, b.sub(batch, b.mul(group, I64(wide))), I64(wide))
    with counted(b, 0, outputs, 16) as first:
        last = _least(b, b.add(first, I64(16)), outputs)
        with counted(b, step, after) as t, counted(b, 0, elements) as e:
            row = b.mul(b.add(b.mul(t, batch), b.add(b.mul(group, I64(wide)), e)), outputs)
            inner = b.add(b.mul(b.sub(t, step), I64(wide)), e)
            with counted(b, first, last) as k:
                value = b.load(at(b, sums, b.add(b.mul(k, I64(count * wide)), inner)))
                b.store(value, at(b, out, b.add(row, k)))


@cache
def _pack_kernel(dtype: torch.dtype, lines_wide: int) -> Routine:
    """From time ``start`` on; ``length`` is that of a line, and ``row`` elements lead from one step of dense to the next."""
    wide = I64(lines_wide)
    f = _PACK.open(f"pack_lines_{scalar(dtype)}_{lines_wide}", dtype)
    b = f.builder
    dense, lines = f["dense", "lines"]
    start, steps, batch, width, length, row = f.integers()
    stride = b.mul(length, wide)
    groups = b.sdiv(b.add(batch, b.sub(wide, I64(1))), wide)
    with counted(b, 0, groups) as group, counted(b, 0, steps) as t, counted(b, 0, width, 16) as column:
        last = _least(b, b.add(column, I64(16)), width)
        base = b.add(b.mul(b.mul(group, width), stride), b.mul(b.add(start, t), wide))
        with counted(b, 0, _least(b, b.sub(batch, b.mul(group, wide)), wide)) as lane:
            element = b.add(b.mul(group, wide), lane)
            begin = b.add(b.mul(t, row), b.mul(element, width))
            with counted(b, column, last) as n:
                place = b.add(b.add(base, b.mul(n, stride)), lane)
                b.store(b.load(at(b, dense, b.add(begin, n))), at(b, lines, place))
    return f.compile()


def _least(b: ir.IRBuilder, first: ir.Value, second: ir.Value) -> ir.Value:
    return b.select(b.icmp_signed("<", first, second), first, second)
