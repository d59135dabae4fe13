"""Sum the rows that events name: the inner loop of every spike-driven product.

For each row r of an event list::

    out[r, :] = initial[r, :] + sum over events e of r:  value[e] * source[index[e], :]

The sum stays in vector registers; columns are worked in chunks that fit them. Each row is summed in the order of its
events, so the result does not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import torch
from llvmlite import ir
from torch import Tensor

from ranvier.kernels.cpu.events.find import EventList
from ranvier.kernels.cpu.host.operands import lanes, scalar, vectors
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.signature import REAL, Array, Signature
from ranvier.kernels.cpu.host.tiles import run_spans
from ranvier.kernels.cpu.host.weights import Weights, code_arrays
from ranvier.kernels.cpu.llvm.functions import I32, I64, at, counted, local, offset, splat, vector_at, when
from ranvier.kernels.cpu.llvm.load_weight import Code, decoding, load_weight
from ranvier.kernels.operands import require

__all__ = ["add_in_turn", "at_once", "chunks", "gather", "gather_kernel", "gather_span", "summed_pairwise"]

_LEAST = 1 << 18  # multiply-adds that pay for a tile of their own
_EVENTS = {"pointer": Array(I64, None), "index": Array(I32, None), "value": Array(REAL, "index", optional=True)}
_SUMS = {"initial": Array(REAL, ...), "out": Array(REAL, None, "stride")}
_SPAN = ("start", "stop", "first", "size", "stride", "initial_stride", "skip")


def gather(
    events: EventList,
    weight_t: Tensor | Weights,
    out: Tensor,
    accumulate: bool = True,
    bias: Tensor | None = None,
    most: int | None = None,
) -> None:
    """Multiply events by a matrix: ``out += x @ weight_t`` for the ``x`` that ``events`` lists.

    Parameters
    ----------
    events
        R rows over K columns.
    weight_t
        ``[K, N]``, contiguous, or stored numbers of that shape.
    out
        ``[R, N]``, contiguous; written in place.
    accumulate
        Add to what ``out`` holds; otherwise start from ``bias``.
    bias
        ``[N]``, or None for zero. Not allowed together with ``accumulate``.
    most
        Sums of 64 bytes that are kept in registers together; by default as many as the processor holds.

    Raises
    ------
    TypeError, ValueError
        Operands disagree in shape, dtype or layout.
    """
    rows = weight_t if isinstance(weight_t, Weights) else Weights(weight_t, weight_t.dtype)
    known = None if rows.code is None else rows.table.dtype
    require(rows.table, "weight_t", (events.columns, None), known)
    width = rows.table.shape[1]
    require(out, "out", (events.rows, width), rows.dtype)
    if events.value is not None:
        require(events.value, "events.value", (events.count,), rows.dtype)
    if accumulate and bias is not None:
        raise ValueError("a bias replaces what out holds: pass accumulate=False, or add the bias yourself")
    initial, stride = out, width
    if not accumulate:
        initial, stride = torch.zeros(width, dtype=out.dtype) if bias is None else bias, 0
        require(initial, "bias", (width,), out.dtype)

    def task(start: int, stop: int) -> None:
        gather_span(events, events.pointer, rows, (initial, stride), out, start, stop, most)

    run_spans(task, events.rows, _LEAST * events.rows // max(1, events.count * width))


def gather_span(
    events: EventList, pointer: Tensor, source: Weights, initial: tuple[Tensor, int], out: Tensor, start: int, stop: int,
    most: int | None = None,
) -> None:  # fmt: skip
    """Sum rows ``start`` to ``stop`` of the events whose row pointers are ``pointer``.

    ``initial`` is a tensor and the elements from one of its rows to the next. When it is ``out`` itself, rows without
    events are left alone.
    """
    start_from, stride = initial
    width, given = source.table.shape[1], source.given("source")
    for first, stop_column in chunks(width, source.dtype, most):
        size = stop_column - first
        gather_kernel(source.dtype, size, events.value is not None, source.code).run(
            pointer=pointer, index=events.index, value=events.value, **given, initial=start_from, out=out,
            start=start, stop=stop, first=first, size=size, stride=width, initial_stride=stride,
            skip=start_from is out,
        )  # fmt: skip


def chunks(width: int, dtype: torch.dtype, most: int | None = None) -> list[tuple[int, int]]:
    """Cut ``width`` columns into equal pieces that each fit the registers, on vector borders."""
    return _chunks(width, lanes(dtype), most or vectors())


@cache
def _chunks(width: int, step: int, most: int) -> list[tuple[int, int]]:
    pieces = -(-width // (step * most))
    size = -(-width // (max(1, pieces) * step)) * step
    return [(i, min(i + size, width)) for i in range(0, width, max(1, size))]


def _shape(size: int, dtype: torch.dtype) -> tuple[int, int]:
    """Lanes and vectors for ``size`` columns: fewer lanes than a full vector only where the columns do not fill one."""
    wide = min(lanes(dtype), 1 << (size.bit_length() - 1))
    return wide, -(-size // wide)


def at_once(size: int, dtype: torch.dtype) -> int:
    """Events added side by side in a chunk of ``size`` columns."""
    return _groups(_shape(size, dtype)[1])


def _groups(count: int) -> int:
    """The same for ``count`` vectors: where they are few, the adders would wait."""
    return max(1, min(4, 8 // count))


@cache
def gather_kernel(dtype: torch.dtype, size: int, valued: bool, code: Code | None = None) -> Routine:
    """The kernel for a chunk of ``size`` columns from ``first`` on; stored numbers are decoded as they are read.

    ``stride`` is the length of a row of source and out, ``initial_stride`` that of initial; with ``skip`` rows without events
    are left alone.
    """
    return _gather_kernel(dtype, *_shape(size, dtype), valued, code)


@cache
def _gather_kernel(dtype: torch.dtype, wide: int, count: int, valued: bool, code: Code | None) -> Routine:
    """Kernel for a chunk of ``count`` vectors of ``wide`` lanes; the last one may overlap the one before."""
    real = scalar(dtype)
    signature = Signature({**_EVENTS, **code_arrays(code, "source", None, "stride"), **_SUMS}, _SPAN)
    told = f"{'_valued' if valued else ''}{'' if code is None else f'_{code.name}'}"
    f = signature.open(f"gather_{real}_{wide}x{count}{told}", dtype)
    b = f.builder
    pointer, index, value, source, initial, out = f["pointer", "index", "value", "source", "initial", "out"]
    start, stop, first, size, stride, initial_stride, skip = f.integers()
    places = [I64(i * wide) for i in range(count - 1)] + [b.sub(size, I64(wide))]
    vector = ir.VectorType(real, wide)
    groups = _groups(count)

    def load(base: ir.Value, place: ir.Value) -> ir.Value:
        return b.load(vector_at(b, base, place, wide), align=dtype.itemsize)

    scales = decoding(b, code, f, wide, [b.add(first, place) for place in places])

    def add(event: ir.Value, sums: list[ir.Value]) -> None:
        row = b.gep(source, [b.add(b.mul(offset(b, b.load(at(b, index, event))), stride), first)])
        if valued:
            factor = splat(b, b.load(at(b, value, event)), wide)
        for place, total, scale in zip(places, sums, scales, strict=True):
            term = load(row, place) if code is None else load_weight(b, code, real, row, place, wide, *scale)
            term = b.fmul(term, factor, flags=("contract",)) if valued else term
            b.store(b.fadd(b.load(total), term, flags=("contract",)), total)

    with counted(b, start, stop) as r:
        low, high = (b.load(at(b, pointer, b.add(r, I64(i)))) for i in (0, 1))
        wanted = b.or_(b.icmp_signed("<", low, high), b.icmp_signed("==", skip, I64(0)))
        with when(b, wanted):
            begin = b.gep(initial, [b.add(b.mul(r, initial_stride), first)])
            sums = [[local(b, load(begin, place)) for place in places]]
            zero = ir.Constant(vector, [0.0] * wide)
            sums += [[local(b, zero) for _ in places] for _ in range(groups - 1)]
            add_in_turn(b, low, high, sums, add)
            end = b.gep(out, [b.add(b.mul(r, stride), first)])
            totals = [summed_pairwise(b, [b.load(group[v]) for group in sums]) for v in range(count)]
            for place, total in zip(places, totals, strict=True):
                b.store(total, vector_at(b, end, place, wide), align=dtype.itemsize)
    return f.compile()


def add_in_turn(
    b: ir.IRBuilder, low: ir.Value, high: ir.Value, sums: Sequence[list[ir.Value]], add: Callable[..., None]
) -> None:
    """Call ``add(event, slots)`` for the events [low, high), each with the next of ``sums``; a last incomplete turn takes the first."""
    groups = len(sums)
    even = b.sub(high, b.srem(b.sub(high, low), I64(groups)))
    with counted(b, low, even, groups) as e:
        for i, slots in enumerate(sums):
            add(b.add(e, I64(i)), slots)
    with counted(b, even, high) as e:
        add(e, sums[0])


def summed_pairwise(b: ir.IRBuilder, terms: list[ir.Value]) -> ir.Value:
    """Add pairwise."""
    while len(terms) > 1:
        pairs = [b.fadd(terms[i], terms[i + 1]) for i in range(0, len(terms) - 1, 2)]
        terms = pairs + terms[len(pairs) * 2 :]
    return terms[0]
