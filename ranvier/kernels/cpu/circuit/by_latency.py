"""Rows sorted by latency, so that what a spike brings in a turn of several steps lies together.

A *turn* is ``span`` steps, counted from step 0. Of a spike that was fired in step s, the synapses with a latency from
``g span - s mod span`` on, below the next such number, bring something in the g-th turn after that of s. A table of counts
says for every row, every ``s mod span`` and every g how many they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import torch
from llvmlite import ir

from ranvier.kernels.cpu.circuit.rows import SPARE, Rows
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.signature import Array, Signature
from ranvier.kernels.cpu.llvm.functions import I32, I64, at, counted, offset, when

__all__ = ["ByLatency", "by_latency", "turns_of"]

Tensor = torch.Tensor
#: results that rows keep: of one number of threads, and of another
_KEPT = 2


class ByLatency(NamedTuple):
    """Rows sorted by latency, cut among threads as the rows are.

    ``place`` [synapses + SPARE] is latency times ``stride`` plus target, modulo 2^32; ``order`` where a synapse was, counted from
    the begin of its part of a row (empty where all weigh the same); ``counts`` [rows, span, turns] for each thread; ``most``
    the greatest of them, and ``longest`` the synapses of the longest row.
    """

    place: Tensor
    order: Tensor
    counts: list[Tensor]
    most: int
    longest: int


def turns_of(longest: int, span: int) -> int:
    """In how many turns, its own among them, a spike may bring something."""
    return (span - 1 + longest) // span + 1


def by_latency(
    rows: Rows, latency: Tensor, borders: tuple[int, ...], stride: int, span: int, longest: int, ordered: bool
) -> ByLatency:
    """The rows with their ``latency`` [synapses], at most ``longest``; made once while neither changes."""
    key = (latency.data_ptr(), latency._version, borders, stride, span, ordered)
    for known, kept, _ in rows.by_latency:
        if known == key:
            return kept
    made = _sorted(rows, latency, borders, stride, span, longest, ordered)
    rows.by_latency.append((key, made, latency))  # an address names the tensor that is kept
    del rows.by_latency[:-_KEPT]
    return made


def _sorted(
    rows: Rows, latency: Tensor, borders: tuple[int, ...], stride: int, span: int, longest: int, ordered: bool
) -> ByLatency:
    ends = [rows.pointer[:-1], *(rows.cut(borders) or []), rows.pointer[1:]]
    most_in_row = int(rows.pointer.diff().max()) if len(ends[0]) else 0
    place = torch.zeros(rows.synapses + SPARE, dtype=torch.int32)
    wide = torch.uint16 if most_in_row <= 1 << 16 else torch.int32
    order = torch.zeros(rows.synapses if ordered else 0, dtype=wide)
    for kind in (torch.uint8, torch.int32):
        made = [_sort(rows, latency, cut, place, order, (stride, span, longest), kind) for cut in pairwise(ends)]
        most = max(found for _, found in made)
        if most <= torch.iinfo(kind).max:
            break
    return ByLatency(place, order, [counts for counts, _ in made], most, most_in_row)


def _sort(
    rows: Rows, latency: Tensor, cut: Sequence[Tensor], place: Tensor, order: Tensor, sizes: tuple[int, int, int],
    kind: torch.dtype,
) -> tuple[Tensor, int]:  # fmt: skip
    """Sort one thread's parts of the rows; the counts, and the greatest of them."""
    (stride, span, longest), count = sizes, len(cut[0])
    counts = torch.empty(count, span, turns_of(longest, span), dtype=kind)
    most = torch.zeros(1, dtype=torch.int64)
    kernel = _kernel(8 * latency.itemsize, 8 * order.itemsize if order.numel() else 0, 8 * kind.itemsize)
    given = {"begin": cut[0], "end": cut[1], "latency": latency, "target": rows.wide, "place": place, "counts": counts}
    given |= {"order": order} if order.numel() else {}
    room = torch.empty(longest + 2, dtype=torch.int64)
    sizes_of = {"rows": count, "stride": stride, "span": span, "turns": counts.shape[2], "longest": longest}
    kernel.run(**given, below=room, most=most, **sizes_of)
    return counts, int(most)


@cache
def _kernel(latency_bits: int, order_bits: int, count_bits: int) -> Routine:
    """Sort by counting: ``below[k]`` synapses of a row have a latency below k."""
    kind, wide = ir.IntType(count_bits), ir.IntType(order_bits or 16)
    arrays = {"begin": Array(I64, "rows"), "end": Array(I64, "rows"), "latency": Array(ir.IntType(latency_bits), None)}
    arrays |= {"target": Array(I32, None), "place": Array(I32, None), "below": Array(I64, None)}
    arrays |= {"counts": Array(kind, "rows", "span", "turns"), "most": Array(I64, None)}
    arrays |= {"order": Array(wide, None)} if order_bits else {}
    f = Signature(arrays, ("rows", "stride", "span", "turns", "longest")).open("sort_by_latency")
    b = f.builder
    latency, target, place, below, most = f["latency", "target", "place", "below", "most"]
    order = f["order"] if order_bits else None
    rows, stride, span, turns, longest = f.integers()
    top = b.add(longest, I64(1))

    def within(k: ir.Value) -> ir.Value:
        """The synapses with a latency below k, whatever k is."""
        k = b.select(b.icmp_signed("<", k, I64(0)), I64(0), k)
        return b.load(at(b, below, b.select(b.icmp_signed(">", k, top), top, k)))

    with counted(b, 0, rows) as row:
        low, high = (b.load(at(b, f[n], row)) for n in ("begin", "end"))
        with counted(b, 0, b.add(top, I64(1))) as k:
            b.store(I64(0), at(b, below, k))
        with counted(b, low, high) as s:
            here = at(b, below, b.add(b.zext(b.load(at(b, latency, s)), I64), I64(1)))
            b.store(b.add(b.load(here), I64(1)), here)
        with counted(b, 0, top) as k:
            here = at(b, below, b.add(k, I64(1)))
            b.store(b.add(b.load(here), b.load(at(b, below, k))), here)
        with counted(b, 0, span) as r, counted(b, 0, turns) as g:
            first = b.sub(b.mul(g, span), r)
            count = b.sub(within(b.add(first, span)), within(first))
            found = b.add(b.mul(b.add(b.mul(row, span), r), turns), g)
            b.store(b.trunc(count, kind), at(b, f["counts"], found))
            with when(b, b.icmp_signed(">", count, b.load(most))):
                b.store(count, most)
        with counted(b, low, high) as s:
            late = b.zext(b.load(at(b, latency, s)), I64)
            here = at(b, below, late)
            to = b.add(low, b.load(here))
            b.store(b.add(b.load(here), I64(1)), here)
            number = b.add(b.mul(late, stride), offset(b, b.load(at(b, target, s))))
            b.store(b.trunc(number, I32), at(b, place, to))
            if order is not None:
                b.store(b.trunc(b.sub(s, low), wide), at(b, order, to))
    return f.compile()
