"""Plastic synapses shared by threads: each has the synapses onto its own cells, as rows of its own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from llvmlite import ir

from ranvier.kernels.cpu.circuit.rows import rows_of
from ranvier.kernels.cpu.host.buffers import empty
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.signature import Array, Signature
from ranvier.kernels.cpu.llvm.functions import I64, at, counted
from ranvier.kernels.cpu.plastic.tables import PART
from ranvier.kernels.tasks import Pattern

if TYPE_CHECKING:
    from ranvier.kernels.tasks import PlasticProjection

__all__ = ["SynapseShares", "divided", "followed_by_zeros", "parts_of", "shares_of"]

Tensor = torch.Tensor
#: sums over the whole projection of a domain with at most so many members are made part by part
_FEW = 64


class SynapseShares:
    """The synapses of a pattern cut at ``borders``, targets at which the next thread's cells begin."""

    def __init__(self, pattern: Pattern, borders: tuple[int, ...]) -> None:
        pointer = pattern.row_pointer
        edges = [pointer[:-1], *(rows_of(pattern).cut(borders) or []), pointer[1:]]
        self.synapses, self.threads = pattern.synapses, len(borders) + 1
        self._begin = [edge.contiguous() for edge in edges[:-1]]
        self.row_pointers = [pointer] if self.threads == 1 else [_pointer(*pair) for pair in pairwise(edges)]

    def split(self, values: Tensor, spare: int) -> list[Tensor]:
        """Copies of the ``values`` [synapses] of each thread, and ``spare`` zeros behind them."""
        if self.threads == 1:
            return [followed_by_zeros(values, spare)]
        out = [empty((int(p[-1]) + spare,), values.dtype) for p in self.row_pointers]
        for k, own in enumerate(out):
            own[len(own) - spare :] = 0
            self._copy(k, values.contiguous(), own, back=False)
        return out

    def whole(self, parts: Sequence[Tensor]) -> Tensor:
        """Values in the order of the pattern, from those of the threads."""
        if self.threads == 1:
            return parts[0][: self.synapses]
        out = empty((self.synapses,), parts[0].dtype)
        for k, own in enumerate(parts):
            self._copy(k, out, own, back=True)
        return out

    def rows(self, parts: Sequence[Tensor]) -> Tensor:
        """One value for each row, from a thread that has synapses of it."""
        out = parts[0]
        for pointer, own in zip(self.row_pointers[1:], parts[1:], strict=True):
            out = torch.where(pointer.diff() > 0, own[: len(pointer) - 1], out[: len(pointer) - 1])
        return out

    def _copy(self, k: int, whole: Tensor, own: Tensor, *, back: bool) -> None:
        bits = 8 * whole.itemsize
        kind = torch.int64 if bits == 64 else torch.int32
        arrays = {"begin": self._begin[k], "row_pointer": self.row_pointers[k]}
        arrays |= {"whole": whole.view(kind), "own": own.view(kind)}
        _copy_kernel(bits, back).run(**arrays, rows=len(self._begin[k]))


def shares_of(pattern: Pattern, borders: tuple[int, ...]) -> SynapseShares:
    """Those of a pattern, made once for as many threads as are used."""
    known = pattern.prepared.get(SynapseShares)
    if known is None or known[0] != borders:
        known = pattern.prepared[SynapseShares] = borders, SynapseShares(pattern, borders)
    return known[1]


def followed_by_zeros(values: Tensor, spare: int) -> Tensor:
    """A copy with ``spare`` zeros behind it, in memory that is used again from call to call."""
    count = values.numel()
    out = empty((count + spare,), values.dtype)
    out[:count], out[count:] = values, 0
    return out


def _pointer(low: Tensor, high: Tensor) -> Tensor:
    """Where each row begins among rows with synapses [low, high)."""
    out = torch.zeros(len(low) + 1, dtype=torch.int64)
    out[1:] = (high - low).cumsum(0)
    return out


def parts_of(members: int, columns: int) -> int:
    """Parts of the sums of a domain: as many as postsynaptic cells make where there are few members, else one."""
    return max(1, -(-columns // PART)) if members <= _FEW else 1


def divided(q: PlasticProjection, borders: tuple[int, ...]) -> bool:
    """Whether threads can share the synapses: targets ascend in each row, and of each of many members of a domain all synapses
    belong to one thread, wherever the borders lie between units of ``PART`` cells."""
    if rows_of(q.pattern).cut(borders) is None:
        return False
    for domain, member in enumerate(q.members):
        size = next(q.values[n].numel() for n in q.rule.shared[domain].variables)
        if parts_of(size, PART + 1) == 1 and _crosses(member, q.pattern.target, size):
            return False
    return True


def _crosses(member: Tensor, target: Tensor, size: int) -> bool:
    """Whether synapses of one member reach cells of two units."""
    low, high = np.full(size, np.iinfo(np.int32).max, np.int32), np.full(size, -1, np.int32)
    unit, index = target.numpy() // PART, member.numpy()
    np.minimum.at(low, index, unit)
    np.maximum.at(high, index, unit)
    return bool((low < high).any())


@cache
def _copy_kernel(bits: int, back: bool) -> Routine:
    """The rows of a thread out of those of all, or back into them."""
    kind = ir.IntType(bits)
    arrays = {"begin": Array(I64, "rows"), "row_pointer": Array(I64, None)}
    arrays |= {"whole": Array(kind, None), "own": Array(kind, None)}
    f = Signature(arrays, ("rows",)).open("share_rows")
    b = f.builder
    begin, pointer, whole, own = f["begin", "row_pointer", "whole", "own"]
    with counted(b, 0, f["rows"]) as row:
        first, low = b.load(at(b, begin, row)), b.load(at(b, pointer, row))
        count = b.sub(b.load(at(b, pointer, b.add(row, I64(1)))), low)
        with counted(b, 0, count) as k:
            there, here = at(b, whole, b.add(first, k)), at(b, own, b.add(low, k))
            source, place = (here, there) if back else (there, here)
            b.store(b.load(source), place)
    return f.compile()
