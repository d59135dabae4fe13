"""A fused operation for calls that follow each other, set up once for their shapes: lists of kernels, run in new memory each time.

Weights and biases are read where they lie, and have their gradient. Every call has working memory of its own, so that calls may
be differentiated in any order, again, or never. The sums are those of an operation that is run once, bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ranvier.kernels.cpu.fused import _forward
from ranvier.kernels.cpu.fused._calls_back import Back
from ranvier.kernels.cpu.fused._carry import carry_rows
from ranvier.kernels.cpu.fused._in_place import in_place
from ranvier.kernels.cpu.fused._values import kept_of, leaves
from ranvier.kernels.cpu.fused.member import uniform
from ranvier.kernels.cpu.fused.run import fixed, slots_of
from ranvier.kernels.cpu.fused.synapse_kernels import copy_kernel
from ranvier.kernels.cpu.host.arena import Arena
from ranvier.kernels.cpu.host.carry import size_bits
from ranvier.kernels.cpu.host.checked import Place
from ranvier.kernels.cpu.host.derivatives import refuse_second_derivative
from ranvier.kernels.cpu.host.flag import Flag
from ranvier.kernels.cpu.host.movable import Movable, tensors_of
from ranvier.kernels.cpu.host.schedule import Call, Turns
from ranvier.kernels.cpu.host.table import fit
from ranvier.kernels.cpu.host.tuning import TUNING, Tuning
from ranvier.kernels.provider import GIVEN, MADE, SOURCE, UNFIT
from ranvier.kernels.rows import last_of
from ranvier.kernels.tasks import Fused
from ranvier.storages import Stored

__all__ = ["FusedCalls", "open_calls"]

Tensor = torch.Tensor


def open_calls(
    task: Fused, tensors: Sequence[Tensor], most: float, gradient: bool, tuning: Tuning = TUNING
) -> FusedCalls | None:
    """See :class:`ranvier.kernels.provider.OpensCalls`."""
    if not _suits(task, tuning):
        return None
    numbers = {s.key: s.number(task) for s in slots_of(task) if s.name != "source" and not _is_state(task, *s.key)}
    parameters = [t for t in tensors if t.requires_grad]
    coefficients = _coefficients(task)
    places = in_place({k: t for k, t in numbers.items() if t.requires_grad and k not in coefficients}, parameters)
    anew = *coefficients, *(key for key in _steady(task) if key not in places.keys)
    derived = any(t.requires_grad and key not in places.keys and key not in anew for key, t in numbers.items())
    if derived and gradient:
        return None
    read = [*(() if derived else places.tensors), *leaves(numbers[key] for key in anew)]
    watched = [t for t in tensors if all(t is not one for one in read)]
    if not all(t.is_contiguous() and t.is_cpu for t in watched):
        return None
    made = FusedCalls(task, places.tensors, places.keys, anew, watched, most, gradient, tuning)
    return made if made.reads_in_place else None


def _coefficients(task: Fused) -> tuple[tuple[str, str], ...]:
    """The coefficients that are computed from parameters, and those that read the same ones and have no gradient."""
    out = []
    for n, scan in task.members.items():
        names = scan.step.coefficients
        learnt = [c for c in names if scan.coefficient(c).requires_grad]
        beside = scan.step.prologue.beside(learnt) if learnt else ()
        out += [(n, c) for c in names if c in learnt or c in beside or (learnt and c == scan.step.period)]
    return tuple(out)


def _steady(task: Fused) -> list[tuple[str, str]]:
    """Streams that are computed from parameters and the same in every step and sample, as sums of biases are."""
    return [
        (n, s)
        for n, scan in task.members.items()
        for s, t in scan.streams.items()
        if s in scan.step.streams and t.requires_grad and uniform(t)
    ]


def _suits(task: Fused, tuning: Tuning) -> bool:
    """Whether one thread does it all, over matrices and single synapses with one latency each, in one dtype."""
    scans = task.members.values()
    plain = all(f.first is None for f in task.feedback)
    plain = plain and all(f.history is not None for f in task.feedback if f.latency)
    plain = plain and not any(isinstance(f.weight, Stored) for f in (*task.feeds, *task.feedback))
    steady = all(t.shape[0] == 1 for s in scans for n, t in s.streams.items() if n in s.step.streams)
    small = sum(s.steps * math.prod(s.shape) for s in scans) <= tuning.thread_work
    asked = any(feed.source.requires_grad for feed in task.feeds)
    return (
        plain and steady and small and not asked and all(s.steps and not s.step.exact and not s.direct for s in scans)
    )


def _is_state(task: Fused, owner: str, name: str) -> bool:
    scan = task.members.get(owner)
    return scan is not None and name in (*scan.step.states, *scan.step.counters)


def _wires(task: Fused) -> list[Tensor]:
    """Who reaches whom through single synapses."""
    patterns = [f.pattern for f in task.feedback if f.pattern is not None]
    return [t for pattern in patterns for t in (pattern.row_pointer, pattern.target)]


class FusedCalls:
    """See :class:`ranvier.kernels.provider.Calls`; ``keys`` say which numbers of the operation are ``tensors``."""

    def __init__(
        self, task: Fused, tensors: Sequence[Tensor], keys: dict[tuple[str, str], int], computed: Sequence[tuple[str, str]],
        watched: Sequence[Tensor], most: float, gradient: bool, tuning: Tuning,
    ) -> None:  # fmt: skip
        self.task, self.tensors, self.computed = task, tuple(tensors), tuple(computed)
        self.keys = keys | {key: len(self.tensors) + k for k, key in enumerate(self.computed)}
        first = next(iter(task.members.values()))
        self.steps, dtype = first.steps, first.dtype
        slots = {s.key: s.number(task).detach() for s in slots_of(task)}
        learnt = {s.key for s in slots_of(task) if s.key in self.computed and s.number(task).requires_grad}
        self.needs = {key: gradient and (key in keys or key in learnt) for key in slots} | fixed(task)
        self.made, calls = _forward.prepare(task, slots, self.needs, tuning, repeated=True, graded=True)
        past = {f.pre: f.history for f in task.feedback if f.latency and f.history is not None}
        self.kept, scans = tuple(kept_of(task, past)), task.members
        #: those that the kernels hand over; spikes in flight are the last of the emissions
        self.states = self.kept[: len(self.kept) - len(past)]
        self.outputs = tuple((n, w) for n, s in scans.items() for w in s.wanted)
        self._sources = [(f.source.shape, dtype) for f in task.feeds]
        self._given = [(k.shape, k.dtype) for k in self.kept]
        self._made = self._given[: len(self.states)]
        self.shapes = [slots[key].shape for key in self.computed]
        self._flying = [(len(self.states) + k, self.outputs.index((n, task.emission))) for k, n in enumerate(past)]
        self._results = [((self.steps, *scans[n].shape), dtype) for n, _ in self.outputs]
        flag = self._flag = Flag()
        sources, given, made, out = (
            [torch.zeros(shape, dtype=kind) for shape, kind in known]
            for known in (self._sources, self._given, self._made, self._results)
        )
        members = self.made.members
        self.rows = [
            members[n].initial_rows(slots[n, c]).tensor if c in scans[n].step.streams else members[n].steady(c)[0]
            for n, c in self.computed
        ]
        lists = [Turns(self._begin(sources, given, watched)), *self._copies(slots), *self.made.early()]
        lists += _forward.work(self.made, calls)[0]
        for (n, w), t in zip(self.outputs, out, strict=True):
            member = self.made.members[n]
            lists.append(carry_rows(flag, member, member.out[w].tensor, t, out=True))
        lists.append(Turns(self._end(made, most)))
        self.outside = (*self.tensors, *self.rows, *sources, *given, *made, *out)
        touched = tensors_of(lists)
        places = {t.untyped_storage().data_ptr() for t in touched}
        read = [r for (n, c), r in zip(self.computed, self.rows, strict=True) if c in scans[n].step.streams]
        #: whether kernels read every number of a parameter in its own memory
        self.reads_in_place = all(t.untyped_storage().data_ptr() in places for t in (*self.tensors, *read))
        #: memory that no call writes
        self.steady = {t.untyped_storage().data_ptr() for t in (*watched, *_wires(task))}
        known = {t.untyped_storage().data_ptr() for t in self.outside} | self.steady
        listed = (*self.made.summed.values(), *self.made.fired.values())
        lists_of_events = [t for one in listed for n, t in one.kept.items() if n in ("index", "value")]
        self.arena = Arena([t for t in touched if t.untyped_storage().data_ptr() not in known], lists_of_events)
        self._run = Movable(lists, self.outside, [self.arena])
        self._found = self.arena.offset(flag.tensor)
        self._learns = any(self.needs.values())
        self._ways: dict[tuple[bool, ...], Back] = {}

    def _begin(self, sources: Sequence[Tensor], given: Sequence[Tensor], watched: Sequence[Tensor]):
        """Look at what is given, turn the weights, and list the spikes that enter."""
        flag, made = self._flag, self.made
        calls = [flag.same(t) for t in watched]
        calls += [flag.look(t, t.numel(), math.inf, SOURCE) for t in sources]
        for kept, t in zip(self.kept, given, strict=True):
            whole = kept.dtype == torch.int32
            sound = kept.most if whole else size_bits(math.inf, kept.dtype)
            if kept.variable is None:
                calls += self._in_flight(kept.owner, t)
                continue
            inside = made.members[kept.owner].state[kept.variable]
            calls.append(flag.carry(t, inside, t.numel(), sound, GIVEN))
        calls += [c for link in made.summed.values() for c in link.turning()]
        return calls + [c for k, t in enumerate(sources) for c in made.feeds[k].listing(t)]

    def _in_flight(self, name: str, history: Tensor) -> list[Call]:
        """Take what a population emitted before, which must be spikes, to where its projections read it."""
        calls = [self._flag.look(history, history.numel(), math.inf, GIVEN)]
        for k, link in self.made.links.items():
            if self.task.feedback[k].pre == name and link.latency:
                late = history[len(history) - link.latency :]
                sound = size_bits(math.inf, history.dtype)
                calls.append(self._flag.carry(late, link.kept["past"], late.numel(), sound, GIVEN, spikes=True))
        return calls + [c for _, link in self.made.sent(name) for c in link.listing(history, self._flag)]

    def _copies(self, slots: Mapping[tuple[str, str], Tensor]) -> list[Turns]:
        """Copy streams that follow parameters to the rows that arrivals are added to."""
        out, computed = [], dict(zip(self.computed, self.rows, strict=True))
        for key in self.made.copied:
            if key not in self.keys:
                continue
            member = self.made.members[key[0]]
            source, rows = computed.get(key, member.initial_rows(slots[key]).tensor), member.streams[key[1]]
            target = Place(rows.tensor, 0, rows.tensor.element_size() * rows.stride)
            sizes = {"start": 0, "stop": member.batch, "columns": member.cells}
            sizes["stride"] = 0 if uniform(slots[key]) else member.cells
            out.append(Turns([Call(copy_kernel(source.dtype), source=source, out=target, **sizes)], self.steps))
        return out

    def _end(self, made: Sequence[Tensor], most: float):
        """Hand the states over, and look at them."""
        flag, calls = self._flag, []
        for kept, t in zip(self.states, made, strict=True):
            inside = self.made.members[kept.owner].state[str(kept.variable)]
            calls.append(flag.carry(inside, t, t.numel()))
            if kept.dtype != torch.int32:
                calls.append(flag.look(inside, t.numel(), most, MADE))
        return calls

    def call(
        self, sources: Sequence[Tensor], given: Sequence[Tensor], computed: Sequence[Tensor] = ()
    ) -> tuple[int, list[Tensor], list[Tensor]]:
        """One call from the values ``given``: what was found, the values after it, and the outputs."""
        sound = [t.shape for t in computed] == self.shapes
        if not (sound and fit(sources, self._sources) and fit(given, self._given)):
            return UNFIT, [], []
        if self._learns:
            found, *tensors = _Function.apply(self, sources, given, len(computed), *computed, *self.tensors)
        else:
            found, tensors = self.run(sources, given, self.spread(computed))[1:]
        made, out = list(tensors[: len(self.states)]), list(tensors[len(self.states) :])
        return found, made + [last_of(given[k], out[emitted]) for k, emitted in self._flying], out

    def spread(self, computed: Sequence[Tensor]) -> list[Tensor]:
        """The numbers of a call as kernels read them."""
        members, rows = self.made.members, list[Tensor]()
        for (n, name), t in zip(self.computed, computed, strict=True):
            member, number = members[n], t.detach()
            stream = name in member.scan.step.streams
            rows.append(member.initial_rows(number).tensor if stream else member.spread(number.to(member.scan.dtype)))
        return rows

    def run(
        self, sources: Sequence[Tensor], given: Sequence[Tensor], rows: Sequence[Tensor]
    ) -> tuple[Tensor, int, list[Tensor]]:
        """The working memory after a call, what was found, and the values after it with the outputs."""
        memory = self.arena.new()
        made = [torch.empty(shape, dtype=dtype) for shape, dtype in (*self._made, *self._results)]
        self._run.run([t.data_ptr() for t in (*self.tensors, *rows, *sources, *given, *made, memory)])
        return memory, int(memory[self._found]), made

    def way(self, grads: Sequence[Tensor | None]) -> Back:
        """The way back from the values and outputs that have a gradient."""
        key = tuple(g is not None for g in grads)
        if key not in self._ways:
            self._ways[key] = Back(self, key)
        return self._ways[key]


class _Function(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, calls: FusedCalls, sources: Sequence[Tensor], given: Sequence[Tensor], count: int, *tensors: Tensor
    ) -> Any:
        rows = calls.spread(tensors[:count])
        memory, found, made = calls.run(sources, given, rows)
        ctx.calls, ctx.count = calls, count
        ctx.save_for_backward(memory, *tensors[count:], *rows)
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(*[t for t in made if not t.is_floating_point()])
        return found, *made

    @staticmethod
    def backward(ctx: Any, _: Any, *grads: Tensor | None):
        refuse_second_derivative()
        memory, *tensors = ctx.saved_tensors
        found = ctx.calls.way(grads).run(memory, tensors, grads)
        own = len(found) - ctx.count
        return None, None, None, None, *found[own:], *found[:own]
