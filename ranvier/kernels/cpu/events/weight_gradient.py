"""The weight gradient of a spike-driven product, from events alone.

``dW_t[k, :] = sum over events (r, k) of value * grad[r, :]``. The events of a block of rows are put in order of column
by a counting sort; then this is the same sum over named rows as the product itself (:mod:`.gather`), with the block
of ``grad`` in the second-level cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import torch
from llvmlite import ir
from torch import Tensor

from ranvier.kernels.cpu.events.find import EventList
from ranvier.kernels.cpu.events.gather import gather_span
from ranvier.kernels.cpu.host.buffers import empty
from ranvier.kernels.cpu.host.checked import Place
from ranvier.kernels.cpu.host.operands import scalar
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.signature import REAL, Array, Signature
from ranvier.kernels.cpu.host.tiles import run_spans
from ranvier.kernels.cpu.host.weights import Weights
from ranvier.kernels.cpu.llvm.functions import I32, I64, at, counted, local, offset, when
from ranvier.kernels.operands import require
from ranvier.kernels.pool import run_tiles

__all__ = ["block_rows", "by_column", "sort_kernel", "weight_gradient"]

_BLOCK_BYTES = 1 << 19  # of grad, per block of rows
_CHUNK_BYTES = 1 << 10  # of a row of grad, worked on together
_LEAST = 1 << 18  # multiply-adds that pay for a tile of their own
_SORT = Signature(
    {
        "pointer": Array(I64, None),
        "index": Array(I32, None),
        "value": Array(REAL, "index", optional=True),
        "cursor": Array(I64, "columns"),
        "rows": Array(I32, None),
        "values": Array(REAL, None, optional=True),
    },
    ("start", "stop", "columns", "valued"),
)


def weight_gradient(events: EventList, grad: Tensor, out: Tensor | None = None, block: int | None = None) -> Tensor:
    """Gradient of ``sum(grad * (x @ weight_t))`` to ``weight_t``, for the ``x`` that ``events`` lists.

    Parameters
    ----------
    events
        R rows over K columns.
    grad
        ``[R, N]``, contiguous.
    out
        ``[K, N]`` to add to; None for a new tensor.
    block
        Rows worked on together, from the last block to the first; by default what the second-level cache holds.

    Returns
    -------
        ``out``: ``[K, N]``.

    Raises
    ------
    TypeError, ValueError
        Operands disagree in shape, dtype or layout.
    """
    require(grad, "grad", (events.rows, None))
    rows, width, columns = events.rows, grad.shape[1], events.columns
    if events.value is not None:
        require(events.value, "events.value", (events.count,), grad.dtype)
    if out is None:
        out = empty([columns, width], grad.dtype).zero_()
    require(out, "out", (columns, width), grad.dtype)
    block = block or block_rows(width, grad.itemsize)
    ordered, source = by_column(events, block), Weights(grad, grad.dtype)

    def task(start: int, stop: int) -> None:
        for i in reversed(range(-(-rows // block))):
            gather_span(ordered, ordered.pointer[i * columns :], source, (out, width), out, start, stop)

    run_spans(task, columns, _LEAST * columns // max(1, events.count * width))
    return out


def block_rows(width: int, itemsize: int) -> int:
    """Rows of a gradient of ``width`` numbers that the second-level cache holds."""
    return max(64, _BLOCK_BYTES // max(1, min(_CHUNK_BYTES, width * itemsize)))


def by_column(
    events: EventList, block: int, out: EventList | None = None, only: Sequence[int] | None = None
) -> EventList:
    """Sort the events of each ``block`` rows by column.

    Parameters
    ----------
    out
        An earlier result for as many rows, to be written over.
    only
        Blocks to be sorted, in order, where not all are asked for.

    Returns
    -------
        An event list with a row for each block and column (``blocks * K``, columns innermost); its index is the row of
        the event in ``events``, ascending within each.
    """
    blocks, columns = -(-events.rows // block), events.columns
    if out is None:
        value = None if events.value is None else empty([events.count], events.value.dtype)
        pointer = torch.empty(blocks * columns + 1, dtype=torch.int64)
        out = EventList(pointer, empty([events.count], torch.int32), value, events.rows)
    pointer, wanted = out.pointer.zero_(), range(blocks) if only is None else only
    begins = [i for before, i in pairwise((-1, *wanted)) if i > before + 1]  # after a block that is left out
    if begins and columns:
        pointer[[i * columns for i in begins]] = events.pointer[[i * block for i in begins]]
    valued = out.value is not None
    sort = sort_kernel(out.value.dtype if out.value is not None else torch.float32)
    listed = {"pointer": events.pointer, "index": events.index, "value": events.value if valued else None}
    ordered = {"rows": out.index, "values": out.value, "columns": columns, "valued": valued}

    def task(k: int) -> None:
        i = wanted[k]
        ends = Place(pointer, pointer.itemsize * (1 + i * columns))
        stop = min((i + 1) * block, events.rows)
        sort.run(**listed, **ordered, cursor=ends, start=i * block, stop=stop)

    run_tiles(task, len(wanted))
    return out


@cache
def sort_kernel(dtype: torch.dtype) -> Routine:
    """Counting sort of the events of rows start..stop by column.

    ``cursor`` ``[columns]`` is zero before, and the end of each column's events after; ``rows`` and ``values`` are sorted.
    """
    f = _SORT.open(f"sort_events_{scalar(dtype)}", dtype)
    b = f.builder
    pointer, index, value, cursor, rows, values = f["pointer", "index", "value", "cursor", "rows", "values"]
    start, stop, columns, valued = f.integers()
    low, high = b.load(at(b, pointer, start)), b.load(at(b, pointer, stop))

    def slot_of(event: ir.Value) -> ir.Value:
        return at(b, cursor, offset(b, b.load(at(b, index, event))))

    with counted(b, low, high) as e:
        slot = slot_of(e)
        b.store(b.add(b.load(slot), I64(1)), slot)
    place = local(b, low)
    with counted(b, 0, columns) as k:
        slot = at(b, cursor, k)
        begin = b.load(place)
        b.store(b.add(begin, b.load(slot)), place)
        b.store(begin, slot)
    with counted(b, start, stop) as r:
        begin, end = (b.load(at(b, pointer, b.add(r, I64(i)))) for i in (0, 1))
        with counted(b, begin, end) as e:
            slot = slot_of(e)
            target = b.load(slot)
            b.store(b.trunc(r, I32), at(b, rows, target))
            with when(b, b.icmp_signed("!=", valued, I64(0))):
                b.store(b.load(at(b, value, e)), at(b, values, target))
            b.store(b.add(target, I64(1)), slot)
    return f.compile()
