"""Which streams of a circuit have queues (:mod:`._queues`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ranvier.kernels.cpu.circuit._queues import TAG
from ranvier.kernels.cpu.circuit.by_latency import ByLatency, by_latency, turns_of
from ranvier.kernels.cpu.circuit.form import QueueForm, Wire
from ranvier.kernels.cpu.circuit.rows import rows_of
from ranvier.kernels.cpu.circuit.team import whole_vectors
from ranvier.kernels.cpu.host.weights import synapses_of
from ranvier.storages import Stored

if TYPE_CHECKING:
    from ranvier.kernels.cpu.circuit.team import Team
    from ranvier.kernels.cpu.host.tuning import Tuning
    from ranvier.kernels.tasks import Circuit, CircuitProjection

__all__ = ["Queue", "Queues", "queues_of"]


@dataclass(frozen=True)
class Queue:
    """The queues of a stream: one for each of ``turns`` turns of ``span`` steps.

    ``alike`` says that each of the projections (numbers in ``wires``) has one weight; ``longest`` is the greatest latency.
    """

    span: int
    longest: int
    alike: bool
    wires: tuple[int, ...]

    @property
    def turns(self) -> int:
        """In how many turns spikes may bring something: so many queues are there."""
        return turns_of(self.longest, self.span)

    @property
    def shift(self) -> int:
        """Bits of a step that tell its place in a turn."""
        return self.span.bit_length() - 1


def queues_of(
    task: Circuit, rings: Mapping[str, Mapping[str, int]], team: Team, tuning: Tuning
) -> dict[tuple[str, str], Queue]:
    """The streams, by population and name, of which the rings with so many slots would leave the cache."""
    if task.samples is not None:  # samples that advance together stay in the cache
        return {}
    wires: dict[tuple[str, str], list[int]] = {}
    for k, q in enumerate(task.projections):
        if q.latencies is not None:
            wires.setdefault((q.post, q.stream), []).append(k)
    width = 64 // task.dtype.itemsize
    padded = {p.name: whole_vectors(p.cells, width) for p in task.populations}
    row = {
        n: max(high - low for low, high in team.ranges(size, 0, n)) * task.dtype.itemsize for n, size in padded.items()
    }
    size = sum(rings[post][stream] * row[post] for post, stream in wires)
    found = {}
    for (post, stream), own in wires.items():
        queue = _queue([task.projections[k] for k in own], own, row[post], padded[post], tuning)
        if queue is not None and size > (tuning.shared_ring if queue.alike else tuning.own_ring):
            found[post, stream] = queue
    return found


def _queue(
    projections: Sequence[CircuitProjection], wires: Sequence[int], row: int, padded: int, tuning: Tuning
) -> Queue | None:
    """Turns as long as a ring of one stays in the cache, or longer where a spike would bring too little in one.

    None where it brings too little in the longest.
    """
    longest = max(q.longest for q in projections)
    patterns = [q.stored for q in projections if q.stored is not None]
    rows, synapses = sum(p.rows for p in patterns), sum(p.synapses for p in patterns)

    def enough(span: int) -> bool:
        return synapses >= tuning.turn_synapses * rows * turns_of(longest, span)

    span = 1
    while 2 * tuning.least_turns * span <= longest and (2 * span * row <= tuning.turn_ring or not enough(span)):
        span *= 2
    if longest < tuning.least_turns or not enough(span):
        return None
    alike = all(q.one_weight and not isinstance(q.weight, Stored) for q in projections)
    alike = alike and len(projections) <= 1 << (32 - TAG) and span * padded <= 1 << TAG
    return Queue(span, longest, alike, tuple(wires))


class Queues:
    """The queues of a circuit: their streams, the sorted rows of their projections, and how many slots are left of their rings."""

    def __init__(
        self, task: Circuit, rings: Mapping[str, dict[str, int]], team: Team, blocks: Mapping[str, int], tuning: Tuning
    ) -> None:
        self.streams = queues_of(task, rings, team, tuning)
        self.rows: dict[int, ByLatency] = {}
        cells, width = {p.name: p.cells for p in task.populations}, 64 // task.dtype.itemsize
        for (post, stream), queue in self.streams.items():
            rings[post][stream] = queue.span
            padded = whole_vectors(cells[post], width)
            for k in queue.wires:
                self.rows[k] = _sorted(task.projections[k], queue, team.borders(padded, blocks[post]), padded)

    def form(self, k: int, q: CircuitProjection) -> Wire | None:
        """The kind of projection ``k``; None where it has no queues."""
        if k not in self.rows:
            return None
        alike, rows = self.streams[q.post, q.stream].alike, self.rows[k]
        order = 16 if q.one_weight else 8 * rows.order.itemsize
        form = QueueForm(alike, 8 * rows.counts[0].itemsize, order)
        return Wire(q.one_weight, False, code=synapses_of(q.weight).code, queue=form)

    def most(self, queue: Queue) -> int:
        """Synapses of the largest part of a row that a queue must have room for."""
        return max(self.rows[k].most for k in queue.wires)


def _sorted(q: CircuitProjection, queue: Queue, borders: tuple[int, ...], padded: int) -> ByLatency:
    """The rows of a projection with queues."""
    if q.stored is None or q.latencies is None:
        raise ValueError(f"synapses from {q.pre} to {q.post} have no latency each")
    return by_latency(rows_of(q.stored), q.latencies, borders, padded, queue.span, q.longest, not q.one_weight)
