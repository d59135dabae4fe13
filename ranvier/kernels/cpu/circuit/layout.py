"""What of a circuit depends on its parts, its wiring and its threads, and not on the numbers of a call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import is_
from typing import Any

import torch

from ranvier.kernels.cpu import graded
from ranvier.kernels.cpu.circuit.arguments import wire, wire_signature
from ranvier.kernels.cpu.circuit.blocks import Blocks, block_of, rows_by_block
from ranvier.kernels.cpu.circuit.form import Member, Wire
from ranvier.kernels.cpu.circuit.pack import RowTable, row_tables
from ranvier.kernels.cpu.circuit.projection import (
    ASK_HEADS,
    ASK_ROWS,
    CARRY,
    DRAW,
    EMPTY,
    HISTORY,
    TOGETHER,
    wire_kernel,
)
from ranvier.kernels.cpu.circuit.queues import Queues
from ranvier.kernels.cpu.circuit.rows import rows_of
from ranvier.kernels.cpu.circuit.team import Team, shared_team, team_of
from ranvier.kernels.cpu.host.sections import Entry, room
from ranvier.kernels.cpu.host.tuning import Tuning
from ranvier.kernels.cpu.host.weights import synapses_of
from ranvier.kernels.tasks import Circuit, CircuitPopulation, CircuitProjection, Pattern, PlasticProjection, RowSource
from ranvier.storages import Stored

__all__ = ["Layout"]

Tensor = torch.Tensor


class Layout:
    """Kinds of the parts of a circuit, its rows cut among ``threads``, its rings, and the order of its calls.

    ``rings`` are the slots of each, by population and stream; ``queues`` those of streams where arrivals wait for their turn;
    ``blocks`` the cells of one by population; ``cuts`` the rows that are cut into blocks; ``graded`` and ``sends`` the kinds of
    synapses that bring something in every step, of cells that emit a variable and of rules; ``bins`` the projections whose bins a
    population empties, and ``rooms`` the lists for that, by thread.
    """

    def __init__(self, task: Circuit, threads: int, tuning: Tuning) -> None:
        populations, projections, dtype = task.populations, task.projections, task.dtype
        self._parts, self._wires = _parts(task), _wires(task)
        self.threads, width = threads, 64 // dtype.itemsize
        read = {
            end for q in task.plastic if q.rule.cells for end in (q.pre, q.post)
        }  # rules see states before arrivals
        self.graded = [graded.graded_form(q, width) for q in task.graded]
        self.sends = [graded.steady_form(task, q, width) if q.rule.steady else None for q in task.plastic]
        self.rings = _rings(task)
        steady = [q for q, form in zip(task.plastic, self.sends, strict=True) if form is not None]
        self.members = _members(task, self.rings, read, steady)
        rows = [q for q, form in zip(task.plastic, self.sends, strict=True) if form is None or q.rule.moving]
        shared = None if task.exchange is None else shared_team(task, task.exchange, width)
        self.team: Team = shared or team_of(projections, rows, threads, width)
        count = self.team.threads
        whole = {p.name for p in populations if p.name in read or task.samples is not None}
        self.blocks = {p.name: 0 if p.name in whole else block_of(p, projections, count, tuning) for p in populations}
        self.cuts = _all_or_none(task, [rows_by_block(q, self.blocks[q.post], tuning) for q in projections])
        self.queues = Queues(task, self.rings, self.team, self.blocks, tuning)
        self.forms = [
            self.queues.form(k, q) or _form(q, c is not None, task.samples is not None)
            for k, (q, c) in enumerate(zip(projections, self.cuts, strict=True))
        ]
        self.tables: dict[int, RowTable] = row_tables(projections, self.cuts, self.team, self.blocks, dtype)
        each = [2 if q.one_weight else 2 + dtype.itemsize for q in projections]
        self.bin_bytes = sum(c.size * n for c, n in zip(self.cuts, each, strict=True) if c)
        cut = [k for k, c in enumerate(self.cuts) if c]
        self.bins = {p.name: [k for k in cut if projections[k].post == p.name] for p in populations}
        self.rooms = {
            n: [room(wire_signature(self.forms[k]) for k in own) for _ in range(count)] for n, own in self.bins.items()
        }
        latencies = [q.shortest for q in (*projections, *task.graded)]
        latencies += [k for q in task.plastic if q.pre is not None for k in q.latencies]
        shown = any(member.shown for member in self.members)
        self.together = 1 if shown else min(latencies, default=1)
        if task.exchange is not None:
            self.together = task.exchange.every
        parts = [TOGETHER if form.drawn and count > 1 else CARRY for form in self.forms]
        calls = [Entry(wire_kernel(form, dtype), wire(k), parts[k]) for k, form in enumerate(self.forms)]
        self.emptied = {n: [calls[k]._replace(part=EMPTY) for k in own] for n, own in self.bins.items() if own}
        self.varied = [call for call, form in zip(calls, self.forms, strict=True) if not form.one_latency]
        self.steady = [call for call, form in zip(calls, self.forms, strict=True) if form.one_latency]
        waiting = [call for call, form in zip(calls, self.forms, strict=True) if form.queue is not None]
        self.after = [call._replace(part=part) for part in (ASK_HEADS, ASK_ROWS) for call in waiting] + self.varied
        self.before = [call._replace(part=HISTORY) for call in self.varied]
        self.ahead = [call._replace(part=DRAW) for call in self.steady if call.part == TOGETHER]

    def suits(self, task: Circuit, threads: int) -> bool:
        """Whether a task has the same parts and the same wiring, for so many threads."""
        return self.threads == threads and self._parts == _parts(task) and _same(self._wires, _wires(task))


def _parts(task: Circuit) -> list[Any]:
    """What kernels and buffers of the populations depend on."""
    found: list[Any] = [
        (
            p.name, p.step, p.cells, (*p.outside,), p.recorded, p.varied, (*((d.stream, d.law.each) for d in p.drives),),
            (*p.noises,), p.emission,
        )
        for p in task.populations
    ]  # fmt: skip
    shared = None if task.exchange is None else (task.exchange.process, task.exchange.ranges, task.exchange.every)
    return [*found, task.dtype, shared]


def _wires(task: Circuit) -> list[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    """What lists and tables of the projections depend on: objects, and values."""
    out: list[tuple[tuple[Any, ...], tuple[Any, ...]]] = []
    for q in (*task.projections, *task.graded):
        each = isinstance(q.latency, Tensor)
        code = synapses_of(q.weight).code if isinstance(q.weight, Stored) else None
        latency = (q.latency._version, q.latency.data_ptr()) if isinstance(q.latency, Tensor) else q.latency
        objects = type(q), q.pattern, q.latency if each else None
        out.append((objects, (q.pre, q.post, q.stream, latency, q.weight.numel() == 1, code)))
    out += [
        (
            (q.pattern, q.rule, *q.members),
            (q.pre, q.post, q.stream, q.latencies, graded.alike(q) if q.rule.steady else ()),
        )
        for q in task.plastic
    ]
    return out


def _same(one: Sequence[tuple[Any, ...]], other: Sequence[tuple[Any, ...]]) -> bool:
    return len(one) == len(other) and all(
        len(a) == len(b) and all(map(is_, a, b)) and c == d for (a, c), (b, d) in zip(one, other, strict=True)
    )


def _rings(task: Circuit) -> dict[str, dict[str, int]]:
    """The streams of each population that projections of the circuit feed, and how many slots the ring of each must have."""
    rings: dict[str, dict[str, int]] = {p.name: {} for p in task.populations}
    for q in task.projections:
        rings[q.post][q.stream] = max(rings[q.post].get(q.stream, 1), _slots(q))
    for q in (*task.plastic, *task.graded):
        rings[q.post].setdefault(q.stream, 1)
    return rings


def _all_or_none(task: Circuit, cuts: Sequence[Blocks | None]) -> list[Blocks | None]:
    """The ``cuts``, but for streams to which something else adds in the step of its arrival: bins are emptied after that.

    Where all that adds to a stream waits in bins, or nothing does, sums have the order of projections and cells. So threads,
    processes and tunings, on which a cut depends, change no bit.
    """
    at_once = {(q.post, q.stream) for q in (*task.plastic, *task.graded)}
    at_once |= {
        (q.post, q.stream) for q, cut in zip(task.projections, cuts, strict=True) if cut is None and q.latencies is None
    }
    return [None if (q.post, q.stream) in at_once else cut for q, cut in zip(task.projections, cuts, strict=True)]


def _slots(q: CircuitProjection) -> int:
    """How many its ring must have; with a latency for each synapse two at least, for such a ring holds arrivals when a call ends."""
    return 1 if q.latencies is None else max(2, q.longest)


def _members(
    task: Circuit, rings: dict[str, dict[str, int]], read: Iterable[str | None], steady: Sequence[PlasticProjection]
) -> list[Member]:  # fmt: skip
    """The kind of each population; rings of ``read`` ones are no states, and ``steady`` synapses may read states in every step."""
    each = {(q.post, q.stream) for q in task.projections if q.latencies is not None}

    def direct(stream: str, p: CircuitPopulation) -> bool:
        free = p.name not in read and stream not in p.given and (p.name, stream) not in each
        return free and stream in p.step.added and p.step.port_of(stream) not in p.step.exact

    return [
        Member(
            p.step, tuple(rings[p.name]), tuple(p.outside), p.recorded, p.varied,
            tuple(s for s in rings[p.name] if direct(s, p)),
            tuple((d.stream, d.law.each) for d in p.drives), tuple(p.noises), p.emission,
            graded.shown_of(p.name, steady) if steady else (),
            task.samples is not None,
        )
        for p in task.populations
    ]  # fmt: skip


def _form(q: CircuitProjection, by_block: bool, several: bool) -> Wire:
    """The kind of a projection."""
    latency_bits = 32 if q.latencies is None else 8 * q.latencies.itemsize
    match q.pattern:
        case RowSource(kind=kind):
            return Wire(one_weight=True, one_latency=True, drawn=kind)
        case Pattern() as pattern:
            bits = 16 if by_block else rows_of(pattern).bits
            one_latency, code = q.latencies is None, synapses_of(q.weight).code
            return Wire(q.one_weight, one_latency, latency_bits, bits, by_block=by_block, code=code, several=several)
