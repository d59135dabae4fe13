"""Compressed rows as a circuit reads them: targets as small as they can be, and each row cut among threads."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from llvmlite import ir

from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.signature import Array, Signature
from ranvier.kernels.cpu.llvm.functions import I32, I64, at, counted, local, offset, when
from ranvier.kernels.tasks import Pattern

__all__ = ["SPARE", "Blocks", "Joined", "Rows", "joined", "rows_of"]

Tensor = torch.Tensor
_NARROW = 1 << 16
#: targets of 16 bits are followed by as many more, so that they can be read a vector at a time
SPARE = 32
#: rows of a projection that fits into this many bytes stay in the cache: nothing is asked for ahead
_SMALL = 1 << 19
#: bytes of a row that are asked for ahead; a longer one is followed by the processor itself
_REACH = 768


class Blocks(NamedTuple):
    """Rows cut into blocks of columns.

    ``counts`` [rows, blocks], uint8, says how many targets of a row are in a block; ``start`` [blocks + 1] where each block's
    own begin if all are put side by side, with ``SPARE`` room after each, and ``size`` where the last ends.
    """

    counts: Tensor
    start: Tensor
    size: int


class Rows:
    """Rows of ``columns`` targets: ``pointer`` int64 [rows + 1] and ``target``, uint16 where they fit, else int32."""

    def __init__(self, pointer: Tensor, target: Tensor, columns: int) -> None:
        self.pointer, self.wide = pointer, target
        self.columns, self.synapses = columns, target.numel()
        self._cuts: dict[tuple[int, ...], list[Tensor] | None] = {}
        self._blocks: dict[int, Blocks | None] = {}
        #: rows sorted by latency, with what they were made of
        self.by_latency: list[tuple[tuple, Any, Tensor]] = []
        self.joined: dict[tuple, tuple[tuple[Rows, ...], Joined]] = {}

    @cached_property
    def target(self) -> Tensor:
        """Targets in as few bits as they need."""
        if self.columns > _NARROW or not self.synapses:
            return self.wide
        return torch.from_numpy(self.wide.numpy().astype(np.uint16))

    @property
    def bits(self) -> int:
        """Size of a stored target."""
        return 8 * self.target.itemsize

    def reach(self, bytes_per_synapse: int, tables: int = 0) -> int:
        """How many synapses of a row to ask for ahead of time; ``tables`` bytes are read beside them."""
        count, rows = self.synapses, max(1, self.pointer.numel() - 1)
        if count * bytes_per_synapse + tables <= _SMALL:
            return 0
        return min(-(-3 * count // (2 * rows)), _REACH // bytes_per_synapse)

    def cut(self, borders: tuple[int, ...]) -> list[Tensor] | None:
        """Where the rows pass each border: ``[i][k]`` is the first synapse of row k with a target from ``borders[i]`` on.

        None where targets do not ascend within a row.
        """
        if borders not in self._cuts:
            self._cuts[borders] = self._search(borders)
        return self._cuts[borders]

    def blocks(self, size: int) -> Blocks | None:
        """The rows cut at every ``size`` columns.

        None where targets do not ascend within a row, or too many of one are in a block.
        """
        if size not in self._blocks:
            cuts = self._search(tuple(range(size, self.columns, size)))
            self._blocks[size] = None if cuts is None else _blocks(self.pointer, cuts)
        return self._blocks[size]

    def _search(self, borders: tuple[int, ...]) -> list[Tensor] | None:
        rows = self.pointer.numel() - 1
        falls = torch.zeros(1, dtype=torch.int64)
        out = [torch.empty(rows, dtype=torch.int64) for _ in borders]
        for border, found in zip(borders, out, strict=True):
            given = {"row_pointer": self.pointer, "target": self.wide, "found": found, "falls": falls}
            _search_kernel().run(**given, rows=rows, border=border)
        return None if int(falls) else out


def rows_of(pattern: Pattern) -> Rows:
    """The rows of a pattern as a circuit reads them, made once."""
    made = pattern.prepared.get(Rows)
    if made is None:
        made = pattern.prepared[Rows] = Rows(pattern.row_pointer, pattern.target, pattern.columns)
    return made


class Joined(NamedTuple):
    """Rows of several projections of the same sources; all of a source lies side by side, since a spike reads it together.

    ``tables`` [sources, projections, 2], one for each thread: where its part of a row begins and ends. Of rows that are cut
    into blocks the targets are in ``target``, and ``counts`` [sources, blocks of all]; where a row begins there is in the
    table, and instead of its end where it begins in the projection's own weights.
    """

    tables: list[Tensor]
    target: Tensor
    counts: Tensor


def joined(parts: Sequence[Rows], borders: Sequence[tuple[int, ...]], blocks: Sequence[Blocks | None]) -> Joined:
    """``borders`` are those between the threads, for each projection; targets ascend where there are any."""
    key = (tuple(map(id, parts)), tuple(borders), tuple(None if cut is None else cut.counts.shape[1] for cut in blocks))
    known = parts[0].joined.get(key)
    if known is None:
        cuts = [[p.pointer[:-1], *(p.cut(b) or []), p.pointer[1:]] for p, b in zip(parts, borders, strict=True)]
        target, shifts = _laid([p if cut is not None else None for p, cut in zip(parts, blocks, strict=True)])
        width = len(parts) if len(parts) != 3 else 4  # a line holds four
        tables = []
        for k in range(len(borders[0]) + 1):
            table = torch.zeros(len(cuts[0][0]), width, 2, dtype=torch.int64)
            for n, (cut, shift) in enumerate(zip(cuts, shifts, strict=True)):
                table[:, n, 0] = cut[k] if shift is None else cut[k] + shift
                table[:, n, 1] = cut[k + 1] if shift is None else cut[k]
            tables.append(table)
        counts = [cut.counts for cut in blocks if cut is not None]
        together = torch.cat(counts, 1) if counts else torch.zeros(0, 0, dtype=torch.uint8)
        # the others are kept, since their names are in the key; itself would never be let go of
        known = parts[0].joined[key] = (
            tuple(p for p in parts if p is not parts[0]),
            Joined(tables, target, together),
        )
    return known[1]


def _laid(parts: Sequence[Rows | None]) -> tuple[Tensor, list[Tensor | None]]:
    """The last 16 bits of all targets, source after source, and by how much a row has moved there; None is left out."""
    some = [p for p in parts if p is not None]
    out = np.zeros(sum(p.synapses for p in some) + (SPARE if some else 0), np.uint16)
    shifts: list[Tensor | None] = [None] * len(parts)
    for k, (n, part) in enumerate((n, p) for n, p in enumerate(parts) if p is not None):
        shift = sum([p.pointer[1:] for p in some[:k]] + [p.pointer[:-1] for p in some[k + 1 :]], 0 * part.pointer[1:])
        given = {"row_pointer": part.pointer, "shift": shift, "target": part.wide, "out": torch.from_numpy(out)}
        _lay_kernel().run(**given, rows=part.pointer.numel() - 1)
        shifts[n] = shift
    return torch.from_numpy(out), shifts


@cache
def _lay_kernel() -> Routine:
    kind = ir.IntType(16)
    arrays = {"row_pointer": Array(I64, None), "shift": Array(I64, "rows"), "target": Array(I32, None)}
    f = Signature({**arrays, "out": Array(kind, None)}, ("rows",)).open("lay_rows")
    b = f.builder
    pointer, shift, target, out = f["row_pointer", "shift", "target", "out"]
    with counted(b, 0, f["rows"]) as row:
        moved = b.load(at(b, shift, row))
        with counted(b, b.load(at(b, pointer, row)), b.load(at(b, pointer, b.add(row, I64(1))))) as s:
            b.store(b.trunc(b.load(at(b, target, s)), kind), at(b, out, b.add(s, moved)))
    return f.compile()


def _blocks(pointer: Tensor, cuts: list[Tensor]) -> Blocks | None:
    counts = torch.stack([pointer[:-1], *cuts, pointer[1:]], 1).diff(dim=1)
    if counts.numel() and int(counts.max()) > 255:
        return None
    start = torch.zeros(counts.shape[1] + 1, dtype=torch.int64)
    start[1:] = (counts.sum(0) + SPARE).cumsum(0)
    return Blocks(counts.to(torch.uint8), start, int(start[-1]))


@cache
def _search_kernel() -> Routine:
    arrays = {"row_pointer": Array(I64, None), "target": Array(I32, None)}
    arrays |= {"found": Array(I64, "rows"), "falls": Array(I64, None)}
    f = Signature(arrays, ("rows", "border")).open("cut_rows")
    b = f.builder
    pointer, target, found, falls, rows, border = f["row_pointer", "target", "found", "falls", "rows", "border"]
    with counted(b, 0, rows) as k:
        low, high = b.load(at(b, pointer, k)), b.load(at(b, pointer, b.add(k, I64(1))))
        place = local(b, low)
        before = local(b, I64(-1))
        with counted(b, low, high) as s:
            here = offset(b, b.load(at(b, target, s)))
            with when(b, b.icmp_signed("<", here, b.load(before))):
                b.store(I64(1), falls)
            b.store(here, before)
            b.store(b.add(b.load(place), b.zext(b.icmp_signed("<", here, border), I64)), place)
        b.store(b.load(place), at(b, found, k))
    return f.compile()
