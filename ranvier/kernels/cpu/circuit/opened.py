"""An opened circuit: its layout, buffers and lists of calls, made once for as many calls as follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch

from ranvier.kernels.cpu import graded
from ranvier.kernels.cpu.circuit.arguments import population, wire
from ranvier.kernels.cpu.circuit.cells import cells_kernel
from ranvier.kernels.cpu.circuit.kernel import driver
from ranvier.kernels.cpu.circuit.layout import Layout
from ranvier.kernels.cpu.circuit.pack import pack_drawn, pack_projection, past_of, weights_of
from ranvier.kernels.cpu.circuit.packed import Packed
from ranvier.kernels.cpu.circuit.queue_room import QueueRoom
from ranvier.kernels.cpu.circuit.rules import pack_rules
from ranvier.kernels.cpu.circuit.together import drive_together
from ranvier.kernels.cpu.graded.emissions import slots_of
from ranvier.kernels.cpu.host.barrier import LINE
from ranvier.kernels.cpu.host.clock import clocks, show
from ranvier.kernels.cpu.host.meeting import MEETING, meeting_kernel
from ranvier.kernels.cpu.host.sections import Entry, Sections
from ranvier.kernels.cpu.host.tuning import Tuning
from ranvier.kernels.cpu.plastic.tables import LONGEST
from ranvier.kernels.tasks import Circuit, CircuitProjection, CircuitResult, Pattern, RowSource, Spikes

if TYPE_CHECKING:
    from ranvier.kernels.cpu.plastic.pack import PlasticValues

__all__ = ["OpenCircuit"]

Tensor = torch.Tensor


class OpenCircuit:
    """Runs circuits of the parts and the wiring of ``task``, one after another.

    What depends on parts and wiring is made once. A call copies states, coefficients and the spikes before it into buffers
    that last, and replaces addresses: weights are read where they lie. Not for two threads at once.
    """

    def __init__(self, task: Circuit, threads: int, tuning: Tuning) -> None:
        self.layout, self._tuning = Layout(task, threads, tuning), tuning
        layout = self.layout
        dtype, team = task.dtype, layout.team
        self._clocks, self._flags = clocks(team.threads), torch.zeros(2, team.threads * LINE, dtype=torch.int64)
        flags, meetings = self._flags
        self._sections = Sections(dtype, self._clocks, {"flags": flags, "meetings": meetings})
        self._packed = {
            p.name: Packed(
                p, m, population(k), dtype, team, layout.rings[p.name], layout.blocks[p.name], slots_of(task, p),
                layout.rooms[p.name],
            )
            for k, (p, m) in enumerate(zip(task.populations, layout.members, strict=True))
        }  # fmt: skip
        self._rooms = {
            (post, stream): QueueRoom(
                queue, layout.queues.most(queue), tuning.queue_events, self._packed[post], stream, self._sections
            )
            for (post, stream), queue in layout.queues.streams.items()
        }
        self._read: list[tuple[int, int] | None] = [None] * len(task.projections)
        self._meeting: list[Entry] = []
        if team.threads > 1:
            self._sections.fill("meeting", MEETING, {})
            self._meeting = [Entry(meeting_kernel(), "meeting")]
        self._lists: dict[str, list[Tensor]] | None = None
        self._span, self._nothing = torch.zeros(2, dtype=torch.int64), self._sections.listed(())

    @property
    def size(self) -> int:
        """Bytes of its largest buffers: states, rings, bins and queues."""
        parts = (*self._packed.values(), *self._rooms.values())
        return self.layout.bin_bytes + sum(part.size for part in parts)

    def population(self, name: str) -> Packed:
        """The buffers of a population."""
        return self._packed[name]

    def suits(self, task: Circuit, threads: int) -> bool:
        """Whether it runs such a task on so many threads."""
        return self.layout.suits(task, threads)

    def __call__(self, task: Circuit) -> CircuitResult:
        """Advance the circuit."""
        values = self.begin(task)
        lists = self._lists or {}
        if task.exchange is None:
            self._drive(task.steps, lists)
        else:
            drive_together(task.exchange, task.steps, self._sections, lists, self._nothing, self._packed)
        for k, (q, form) in enumerate(zip(task.plastic, self.layout.sends, strict=True)):  # copies of all synapses
            if form is None or q.rule.moving:
                self._sections.release(("plastic", k))
            if form is not None:
                self._sections.release(("sends", k))
        result = self.result(task, task.steps, values)
        for packed in self._packed.values():
            packed.release(self._sections)
        return result

    def begin(self, task: Circuit) -> Sequence[PlasticValues]:
        """Take the numbers of a call; the plastic ones are those given back."""
        self._load(task)
        for k, q in enumerate(task.projections):
            self._wire(k, q)
        width = 64 // task.dtype.itemsize
        forms, meeting = self.layout.sends, self._meeting
        values, plastic, end = pack_rules(task, forms, self._sections, self._packed, width, meeting)
        for k, (q, form) in enumerate(zip(task.graded, self.layout.graded, strict=True)):
            graded.pack_graded(q, form, self._sections, ("graded", k), self._packed[q.pre], self._packed[q.post])
        if self._lists is None:
            self._lists = self._listed(task, plastic, end)
        return values

    def restart(self, task: Circuit, past: Mapping[str, Spikes]) -> None:
        """Begin a call of ``task`` again, before its first step and after the spikes ``past``; its states are given apart."""
        depth = max((p.depth for p in task.populations), default=0)
        show(self._clocks, met=0, first=task.first)
        self._flags.zero_()
        for p in task.populations:
            self._packed[p.name].restart(past.get(p.name), depth)
        for room in self._rooms.values():
            room.load(task.first, dict(enumerate(task.projections)))
        for k, q in enumerate(task.projections):
            if (read := self._read[k]) is not None and read[1] != self._packed[q.pre].moved:
                self._wire(k, q)

    def wait_for_all(self) -> dict[str, dict[str, int]]:
        """Let counters run out at any time of their longest wait, by population and counter."""
        return {n: packed.wait_for(self._sections) for n, packed in self._packed.items()}

    @property
    def driven(self) -> dict[str, Tensor]:
        """The arrays of the driver of one thread, once the circuit has begun."""
        lists = {n: own for n, (own,) in (self._lists or {}).items()}
        return {"span": self._span, "clock": self._clocks[0], "flags": self._flags[0], **lists}

    def _load(self, task: Circuit) -> None:
        """The numbers of a call."""
        depth = max((p.depth for p in task.populations), default=0)
        depth = max(depth, *(int(bool(m.shown)) for m in self.layout.members), 0)
        show(self._clocks, met=0, first=task.first, every=task.every, depth=depth)
        self._flags.zero_()
        times = depth, task.steps, (task.first + task.steps) // task.every - task.first // task.every
        logs = dict.fromkeys((q.post for q in task.plastic if q.rule.walks), min(task.steps, LONGEST) + 1)
        for p in task.populations:
            self._packed[p.name].load(p, self._sections, times, logs.get(p.name, 0))
        for room in self._rooms.values():
            room.load(task.first, dict(enumerate(task.projections)))

    def _wire(self, k: int, q: CircuitProjection) -> None:
        """The section of a projection; what has not moved stays."""
        pre, post, layout = self._packed[q.pre], self._packed[q.post], self.layout
        weights = weights_of(q, self._sections.dtype)
        now = weights.table.data_ptr(), pre.moved
        if self._read[k] == now and weights.code is None:
            return
        if self._read[k] is not None:
            self._sections.change(wire(k), {**weights.given("weight"), **past_of(pre)})
        else:
            match q.pattern:
                case RowSource() as source:
                    pack_drawn(q, layout.forms[k], source, self._sections, wire(k), pre, post, self._tuning)
                case Pattern() if (late := layout.queues.rows.get(k)) is not None:
                    room = self._rooms[q.post, q.stream]
                    room.pack(k, q, layout.forms[k], layout.tables[k], late, self._sections, wire(k), pre, post)
                case Pattern():
                    block, cut, form, table = layout.blocks[q.post], layout.cuts[k], layout.forms[k], layout.tables[k]
                    pack_projection(q, form, table, self._sections, wire(k), pre, post, block, cut)
        self._read[k] = now

    def _drive(self, steps: int, lists: dict[str, list[Tensor]]) -> None:
        """Run the driver over all steps."""
        self._span.numpy()[:] = 0, steps
        given = {"span": self._span, "together": self.layout.together}
        self._sections.fill("driver", driver().signature, given, lists)
        self._sections.run(driver(), "driver")

    def _listed(self, task: Circuit, plastic: Sequence[Entry], end: Sequence[Entry]) -> dict[str, list[Tensor]]:
        """The lists of calls, once all sections are filled."""
        layout, dtype = self.layout, task.dtype
        for n, entries in layout.emptied.items():
            self._sections.listed(entries, layout.rooms[n])
        emitted = [Entry(graded.graded_kernel(form, dtype), ("graded", k)) for k, form in enumerate(layout.graded)]
        cells = [Entry(cells_kernel(m, dtype), population(k)) for k, m in enumerate(layout.members)]
        turns = [room.call for room in self._rooms.values()]
        step = [*turns, *layout.steady, *emitted, *plastic, *cells]
        ahead = [*layout.ahead, *(self._meeting if layout.ahead else ())]
        lists = {"history": layout.before, "slice": ahead, "step": step, "after": layout.after, "end": end}
        return {n: self._sections.listed(calls) for n, calls in lists.items()}

    def result(self, task: Circuit, steps: int, values: Sequence[PlasticValues] = ()) -> CircuitResult:
        """What the first ``steps`` steps of a call made, as tensors of its own."""
        spikes, states, recorded, emitted = {}, {}, {}, {}
        for p in task.populations:
            packed = self._packed[p.name]
            spikes[p.name] = packed.spikes(steps)
            states[p.name] = packed.states()
            for n in p.step.counters:
                states[p.name][n] = (states[p.name][n] - steps).clamp_(min=0).to(task.dtype)
            recorded[p.name] = {n: t[:, : p.cells] for n, t in packed.record.items()}
            if packed.emissions is not None:
                emitted[p.name] = packed.emissions.last(steps, p.kept)
        return CircuitResult(spikes, states, recorded, [v.whole() for v in values], emitted)
