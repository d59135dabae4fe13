"""The arrays of the queues of a stream, which last from call to call, and what a call tells them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import torch

from ranvier.kernels.cpu.circuit._queues import TAG, turns_kernel
from ranvier.kernels.cpu.circuit.arguments import QUEUES, queue_signature, wire_signature
from ranvier.kernels.cpu.circuit.pack import ends_of, weights_of
from ranvier.kernels.cpu.circuit.rows import SPARE
from ranvier.kernels.cpu.circuit.shares import zeros
from ranvier.kernels.cpu.host.buffers import empty
from ranvier.kernels.cpu.host.sections import Entry

if TYPE_CHECKING:
    from ranvier.kernels.cpu.circuit.by_latency import ByLatency
    from ranvier.kernels.cpu.circuit.form import Wire
    from ranvier.kernels.cpu.circuit.pack import RowTable
    from ranvier.kernels.cpu.circuit.packed import Packed
    from ranvier.kernels.cpu.circuit.queues import Queue
    from ranvier.kernels.cpu.host.sections import Sections
    from ranvier.kernels.tasks import CircuitProjection

__all__ = ["QueueRoom"]

Tensor = torch.Tensor
#: queues begin whole pages apart, and so many numbers more: no two begin in the same set of a cache
_PAGE, _APART = 1024, 48
#: a row and its counts are asked for ahead of time, however small: what waits in queues has taken the cache
_READ = 1 << 20


class QueueRoom:
    """Queues of one stream onto ``post``, with room for ``events`` arrivals of each cell, and for ``most`` in any case."""

    def __init__(
        self, queue: Queue, most: int, events: int, post: Packed, stream: str, sections: Sections
    ) -> None:  # fmt: skip
        self.queue, dtype = queue, sections.dtype
        self._arrays: dict[str, list[Tensor]] = {n: [] for n in QUEUES}
        for low, high in post.shares.ranges:
            room = max(most, events * (high - low)) + 2 * SPARE
            begin = torch.arange(queue.turns + 1) * (-(-room // _PAGE) * _PAGE + _APART)
            size = int(begin[-1])
            made = {
                "turn_place": empty([size], torch.int32),
                "turn_weight": torch.empty(len(queue.wires), dtype=dtype) if queue.alike else empty([size], dtype),
                "begin": begin, "top": begin[:-1].clone(), "over": torch.zeros(queue.turns, dtype=torch.int64),
                "now": torch.zeros(2, dtype=torch.int64), "far": zeros((queue.turns * queue.span, post.padded), dtype),
            }  # fmt: skip
            for n, t in made.items():
                self._arrays[n].append(t)
        key: Hashable = "queues", post.key, stream
        given = {"shift": queue.shift, "queues": queue.turns, "padded": post.padded}
        own: dict[str, list[Any]] = {**self._arrays, "ring": list(post.rings[stream]), **post.shares.edges}
        sections.fill(key, queue_signature(), given, own)
        #: adds the queues to the ring
        self.call = Entry(turns_kernel(queue.alike, dtype), key)

    @property
    def size(self) -> int:
        """Bytes of the queues."""
        return sum(t.nbytes for n in ("turn_place", "turn_weight", "far") for t in self._arrays[n])

    def load(self, first: int, projections: Mapping[int, CircuitProjection]) -> None:
        """Empty the queues before a call that begins with step ``first``."""
        present = (first >> self.queue.shift) % self.queue.turns
        for begin, top, over, now, far, weight in zip(
            *(self._arrays[n] for n in ("begin", "top", "over", "now", "far", "turn_weight")), strict=True
        ):
            top.copy_(begin[:-1])
            for k in over.nonzero().flatten().tolist():
                far[k * self.queue.span : (k + 1) * self.queue.span] = 0
            over.zero_()
            now[0], now[1] = present, begin[present]
            if self.queue.alike:
                for k, number in enumerate(self.queue.wires):
                    weight[k] = projections[number].weight

    def pack(
        self, k: int, q: CircuitProjection, form: Wire, rows: RowTable, late: ByLatency, sections: Sections,
        key: Hashable, pre: Packed, post: Packed,
    ) -> None:  # fmt: skip
        """Rows and weights of projection ``k`` between ``pre`` and ``post``, ``late`` where they are sorted."""
        weights = weights_of(q, sections.dtype)
        size = late.place.itemsize + (0 if q.one_weight else weights.table.itemsize + late.order.itemsize)
        given, own = ends_of(pre, post, q.stream)
        given |= {"place": late.place, **weights.given("weight"), "turns": late.counts[0].shape[2]}
        given |= {"stride": rows.strides[0], "reach": rows.compact.reach(size, _READ), "shift": self.queue.shift}
        given |= {"queues": self.queue.turns, "tag": self.queue.wires.index(k) << TAG if self.queue.alike else 0}
        own |= {**self._arrays, "rows": rows.tables, "counts": late.counts}
        if not q.one_weight:
            given["order"] = late.order
            own["staged"] = [empty([late.longest + SPARE], sections.dtype) for _ in rows.tables]
        sections.fill(key, wire_signature(form), given, own)
