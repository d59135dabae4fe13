"""One step of a fused operation without gradient, set up once: a call replaces addresses and walks one list of kernels.

Weights are read where they lie. A few rows of spikes sum columns of a weight; many rows pay for turning it in every call.
The sums are those of the other ways, bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch

from ranvier.kernels.cpu.events.columns import columns_kernel, values_kernel
from ranvier.kernels.cpu.events.find import scan_kernel
from ranvier.kernels.cpu.events.gather import chunks, gather_kernel
from ranvier.kernels.cpu.events.transpose import transpose_kernel
from ranvier.kernels.cpu.fused._lists import new_list
from ranvier.kernels.cpu.fused._values import kept_of
from ranvier.kernels.cpu.fused.member import Member
from ranvier.kernels.cpu.fused.span import Rows, Span
from ranvier.kernels.cpu.host.carry import size_bits
from ranvier.kernels.cpu.host.checked import Place
from ranvier.kernels.cpu.host.flag import Flag
from ranvier.kernels.cpu.host.schedule import Call
from ranvier.kernels.cpu.host.table import Slot, Table, fit
from ranvier.kernels.cpu.host.tuning import TUNING, Tuning
from ranvier.kernels.cpu.scan import kernels
from ranvier.kernels.provider import GIVEN, MADE, SOURCE, UNFIT
from ranvier.kernels.tasks import Fused, Scan
from ranvier.storages import Stored

__all__ = ["FusedStep"]

Tensor = torch.Tensor
_TURN = 8  # rows of events that pay for turning a weight


class _Listed(NamedTuple):
    """Spikes of one part: its rows, and its events; ``plain`` where all are 1, ``source`` where it is the feed of that number."""

    x: Place
    pointer: Tensor
    index: Tensor
    columns: int
    plain: bool
    source: int | None = None


class FusedStep:
    """See :class:`ranvier.kernels.provider.Steps`."""

    def __init__(self, task: Fused, watched: Sequence[Tensor], most: float, tuning: Tuning = TUNING) -> None:
        scans = task.members
        first = next(iter(scans.values()))
        self.dtype, self.batch, self.span = first.dtype, first.shape[0], Span(0, 1, 1, 0, first.shape[0])
        self.task, self._flag = task, Flag()
        self._found = self._flag.found
        self.members = {n: Member(s, _numbers(s)) for n, s in scans.items()}
        self.past = {f.pre: f.history for f in task.feedback if f.history is not None}
        self.kept = tuple(kept_of(task, self.past))
        self.outputs = tuple((n, w) for n, s in scans.items() for w in s.wanted)
        self._slots: list[Slot] = []
        self._hist: dict[str, Tensor] = {}
        load, read = self._carried()
        check = [self._looked(k, math.prod(f.source.shape)) for k, f in enumerate(task.feeds)]
        step = self._step(task, most)
        same = [self._flag.same(t) for t in watched]
        self._value = Table([*check, *same, *load, *step, *read], self._slots)
        self._check, self._advance = Table([*check, *same], self._slots), Table(step, self._slots)
        self._load, self._read = Table(load, self._slots), Table(read, self._slots)
        self._sources = [(f.source.shape[1:], self.dtype) for f in task.feeds]
        self._given = [(k.shape, k.dtype) for k in self.kept]
        self._results = [(scans[n].shape, self.dtype) for n, _ in self.outputs]
        self._room_for = self.room()

    @staticmethod
    def suits(task: Fused, tuning: Tuning = TUNING) -> bool:
        """Whether one thread does it all, over plain matrices, in one dtype."""
        scans = task.members.values()
        plain = all(f.pattern is None and f.first is None for f in task.feedback)
        plain = plain and not any(isinstance(f.weight, Stored) for f in (*task.feeds, *task.feedback))
        known = all(f.history is not None for f in task.feedback if f.latency)
        small = sum(math.prod(s.shape) for s in scans) < 2 * tuning.thread_work  # no second thread would take part
        return plain and known and small and all(s.steps == 1 and not s.step.exact for s in scans)

    # ---- calls ---------------------------------------------------------------------------------------------------

    def call(self, sources: Sequence[Tensor], given: Sequence[Tensor]) -> tuple[int, list[Tensor], list[Tensor]]:
        """One step from the values ``given``: what was found, the values after it, and the outputs."""
        table = self._value
        if not (fit(sources, self._sources) and fit(given, self._given)):
            return UNFIT, [], []
        made, out = [torch.empty_like(t) for t in given], [torch.empty_like(t) for t in self._room_for]
        table.put("source", sources)
        table.put("given", given)
        table.put("made", made)
        table.put("out", out)
        self._found[0] = 0
        table.go()
        return self._found[0], made, out

    def begin(self, given: Sequence[Tensor]) -> int:
        """Keep the values ``given`` for the steps that follow."""
        if not fit(given, self._given):
            return UNFIT
        self._load.put("given", given)
        self._found[0] = 0
        self._load.go()
        return self._found[0]

    def step(self, sources: Sequence[Tensor], out: Sequence[Tensor]) -> int:
        """One step of the values kept; nothing is done where a source or a number that was read is not as it should be."""
        if not (fit(sources, self._sources) and fit(out, self._results)):
            return UNFIT
        self._found[0] = 0
        self._check.put("source", sources)
        self._check.go()
        found = self._found[0]
        if found:
            return found
        self._advance.put("source", sources)
        self._advance.put("out", out)
        self._advance.go()
        return self._found[0]

    def room(self) -> list[Tensor]:
        """Tensors for the outputs of a step."""
        return [torch.zeros(shape, dtype=dtype) for shape, dtype in self._results]

    def read(self) -> list[Tensor]:
        """The values kept, as tensors of their own."""
        made = [torch.empty(shape, dtype=dtype) for shape, dtype in self._given]
        self._read.put("made", made)
        self._read.go()
        return made

    # ---- what is called ------------------------------------------------------------------------------------------

    def _slot(self, call: Call, name: str, kind: str, k: int, offset: int = 0) -> Call:
        self._slots.append(Slot(call, name, kind, k, offset))
        return call

    def _looked(self, k: int, count: int) -> Call:
        return self._slot(self._flag.look(self._room(count), count, math.inf, SOURCE), "source", "source", k)

    def _room(self, count: int, dtype: torch.dtype | None = None) -> Tensor:
        return torch.zeros(count, dtype=dtype or self.dtype)

    def _carried(self) -> tuple[list[Call], list[Call]]:
        """Calls that take the values given, and that hand over those kept."""
        load, read, flag = [], [], self._flag
        for member in self.members.values():
            step = member.scan.step
            member.state = {v: member.vector(member.given[v]) for v in (*step.states, *step.counters)}
        for k, kept in enumerate(self.kept):
            count = math.prod(kept.shape)
            if kept.variable is None:
                inside = self._hist[kept.owner] = torch.zeros(kept.shape[0], count // kept.shape[0], dtype=self.dtype)
            else:
                inside = self.members[kept.owner].state[kept.variable]
            whole, spikes = kept.dtype == torch.int32, kept.variable is None and kept.spikes
            sound = kept.most if whole else size_bits(math.inf, kept.dtype)
            call = flag.carry(self._room(count, kept.dtype), inside, count, sound, GIVEN, spikes)
            load.append(self._slot(call, "source", "given", k))
            call = flag.carry(inside, self._room(count, kept.dtype), count)
            read.append(self._slot(call, "target", "made", k))
        return load, read

    def _step(self, task: Fused, most: float) -> list[Call]:
        """The calls of a step, and those that look at what it made."""
        calls: list[Call] = []
        listed: dict[tuple[str, int], _Listed] = {}
        for f in task.feedback:
            if f.latency and (f.pre, f.latency) not in listed:
                hist = self._hist[f.pre]
                row = (len(hist) - f.latency) * hist.shape[1] * hist.element_size()
                calls.append(self._list(listed, (f.pre, f.latency), Place(hist, row), hist.shape[1] // self.batch))
        fed = [self._source(calls, k) for k in range(len(task.feeds))]
        for n, member in self.members.items():
            scan = member.scan
            for stream in scan.step.streams:
                feeds = [(fed[k], f.weight) for k, f in enumerate(task.feeds) if (f.post, f.stream) == (n, stream)]
                inner = [
                    (listed[f.pre, f.latency], f.weight) for f in task.feedback if (f.post, f.stream) == (n, stream)
                ]
                self._arrive(calls, member, stream, [*feeds, *inner])
            sends = any(f.pre == n for f in task.feedback)
            outputs = (*(() if task.emission in scan.wanted or not sends else (task.emission,)), *scan.wanted)
            kernel = kernels.forward_kernel(scan.step, str(self.dtype).removeprefix("torch."), outputs, ())
            member.out = {w: Rows(member.new(1)) for w in outputs}
            given = {"state": member.state, "stream": member.streams, "output": member.out, "saved": {}}
            calls.append(member.call(kernel.kernel, self.span, **given))
            if any(f.pre == n and not f.latency for f in task.feedback):
                calls.append(self._list(listed, (n, 0), Place(member.out[task.emission].tensor), member.cells))
        return calls + self._after(task, most)

    def _after(self, task: Fused, most: float) -> list[Call]:
        """Calls that hand outputs over, move the spikes in flight on, and look at the states."""
        calls, flag = [], self._flag
        for k, (n, w) in enumerate(self.outputs):
            member = self.members[n]
            call = flag.carry(member.out[w].tensor, self._room(member.count), member.count)
            calls.append(self._slot(call, "target", "out", k))
        for n, hist in self._hist.items():
            sources = [*hist[1:], self.members[n].out[task.emission].tensor]
            calls += [flag.carry(s, t, hist.shape[1]) for s, t in zip(sources, hist, strict=True)]
        for member in self.members.values():
            calls += [flag.look(member.state[v], member.count, most, MADE) for v in member.scan.step.states]
        return calls

    def _source(self, calls: list[Call], k: int) -> _Listed:
        """List the numbers of a feed that are not 0."""
        width = self.task.feeds[k].source.shape[-1]
        listed: dict[tuple[str, int], _Listed] = {}
        call = self._list(listed, ("", 0), Place(self._room(self.batch * width)), width)
        calls.append(self._slot(call, "x", "source", k))
        return listed["", 0]._replace(plain=False, source=k)

    def _list(self, listed: dict[tuple[str, int], _Listed], key: tuple[str, int], x: Place, width: int) -> Call:
        pointer, index = new_list(self.batch, width, True)
        listed[key] = _Listed(x, pointer, index, width, plain=True)
        graded = torch.zeros(1, dtype=torch.int64)
        sizes = {"start": 0, "stop": self.batch, "columns": width, "further": False}
        return Call(scan_kernel(self.dtype), x=x, pointer=pointer, found=index, graded=graded, **sizes)

    def _arrive(self, calls: list[Call], member: Member, stream: str, sources: Sequence[tuple[_Listed, Any]]) -> None:
        """The sum of what arrives at a stream; what is the same in every step where nothing does."""
        given = member.given[stream]
        if not sources:
            member.streams[stream] = member.given_rows(given)
            return
        initial, target = member.initial_rows(given), member.scratch(1)
        member.streams[stream] = target
        for listed, weight in sources:
            held = weight.detach().to(self.dtype).contiguous()
            calls += self._products(listed, held, initial, target, member.cells)
            initial = target

    def _products(self, listed: _Listed, weight: Tensor, initial: Rows, target: Rows, width: int) -> list[Call]:
        events: dict[str, Any] = {"pointer": listed.pointer, "index": listed.index}
        rows = {"start": 0, "stop": self.batch}
        out = {"initial": Place(initial.tensor), "out": Place(target.tensor)}
        stride = {"stride": width, "initial_stride": 0 if initial.uniform else width}
        seen = {"x": listed.x, **events, "columns": listed.columns, **rows}
        calls: list[Call] = []
        if self.batch < _TURN:
            for first, until in chunks(width, self.dtype):
                size = {"first": first, "size": until - first}
                call = Call(columns_kernel(self.dtype, until - first), **seen, weight=weight, **out, **size, **stride)
                calls.append(call if listed.source is None else self._slot(call, "x", "source", listed.source))
            return calls
        turned, value = torch.empty(listed.columns, width, dtype=self.dtype), None
        sizes = {"rows": width, "columns": listed.columns}
        calls.append(Call(transpose_kernel(self.dtype), matrix=weight, out=turned, **sizes))
        if not listed.plain:
            value = Place(torch.empty(len(listed.index), dtype=self.dtype))
            call = Call(values_kernel(self.dtype), **seen, value=value)
            calls.append(call if listed.source is None else self._slot(call, "x", "source", listed.source))
        for first, until in chunks(width, self.dtype):
            size = {"first": first, "size": until - first, "skip": initial is target}
            kernel = gather_kernel(self.dtype, until - first, value is not None)
            calls.append(Call(kernel, **events, value=value, source=turned, **out, **rows, **size, **stride))
        return calls


def _numbers(scan: Scan) -> Mapping[str, Tensor]:
    """Streams, states and coefficients as kernels read them."""
    step = scan.step
    out = {s: scan.number(s, scan.streams[s]).detach() for s in step.streams if s in scan.streams}
    out |= {s: scan.number(s, scan.states[s]).detach() for s in (*step.states, *step.counters)}
    return out | {c: scan.coefficient(c).detach() for c in step.coefficients}
