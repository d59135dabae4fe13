"""The forward pass of a fused operation; it keeps the values that the backward pass reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch

from ranvier.kernels.cpu.delays.in_flight import Flight
from ranvier.kernels.cpu.fused._link import Arrival, FeedLink, SpikeLink
from ranvier.kernels.cpu.fused._synapses import FEW, Listed, SynapseLink, row_stride
from ranvier.kernels.cpu.fused.member import Member
from ranvier.kernels.cpu.fused.span import Rows, Span, Spans, spans_of
from ranvier.kernels.cpu.host.buffers import empty
from ranvier.kernels.cpu.host.schedule import Call, Schedule, Turns, run_queues, run_turns
from ranvier.kernels.cpu.host.tuning import TUNING, Tuning
from ranvier.kernels.cpu.scan import kernels
from ranvier.kernels.cpu.scan.exact import emitted_as
from ranvier.kernels.tasks import Fused

__all__ = ["Given", "Made", "Names", "prepare", "queues", "run", "work"]

Tensor = torch.Tensor
#: the operation's tensors by (population, name), or by ("feedback:0", "weight") for a numbered projection
Given = Mapping[tuple[str, str], Tensor]


@dataclass(frozen=True)
class Names:
    """Names of one population: streams and coefficients with a gradient, outputs, and values kept for the adjoint.

    ``same`` are streams with a gradient that are one row for all steps.
    """

    wanted: tuple[str, ...]
    outputs: tuple[str, ...]
    saved: tuple[str, ...]
    emitted_as: Mapping[str, str]
    same: tuple[str, ...]


@dataclass
class Made:
    """A fused operation after its forward pass."""

    members: dict[str, Member]
    names: dict[str, Names]
    spans: Spans
    links: dict[int, SpikeLink] = field(default_factory=dict)
    feeds: dict[int, FeedLink] = field(default_factory=dict)
    flights: dict[int, Flight] = field(default_factory=dict)
    synapses: dict[int, SynapseLink] = field(default_factory=dict)
    fired: dict[str, Listed] = field(default_factory=dict)
    #: streams that were copied to rows of their own, which arrivals are added to
    copied: list[tuple[str, str]] = field(default_factory=list)

    def sent(self, name: str) -> list[tuple[int, SynapseLink]]:
        """The single synapses of a population's spikes, by number."""
        return [(k, link) for k, link in self.synapses.items() if link.source == name]

    def early(self) -> list[Turns]:
        """Deliver the spikes that single synapses were sent before the call."""
        return [link.send_early(self.members[link.target].streams[link.stream]) for link in self.synapses.values()]

    def margin(self, name: str, stream: str) -> int | None:
        """Rows of time needed before and behind those of a call, where single synapses arrive."""
        return max((s.reach for s in self.synapses.values() if (s.target, s.stream) == (name, stream)), default=None)

    def rows_of_time(self, name: str, stream: str) -> Rows:
        """Uninitialised rows for arrivals through single synapses; silent before and behind the call."""
        member, margin = self.members[name], self.margin(name, stream) or 0
        steps = member.scan.steps
        whole = empty((margin + steps + margin, row_stride(member)), member.scan.dtype)[:, : member.padded]
        whole[:margin].zero_()
        whole[margin + steps :].zero_()
        return Rows(whole[margin:])

    @property
    def in_turns(self) -> bool:
        """Whether gradients are used within the turn that makes them."""
        return self.spans.alone and self.spans.block is not None and not any(f.in_place for f in self.links.values())

    @property
    def reads_emissions(self) -> bool:
        """Whether the backward pass reads emissions of populations, beside lists of events."""
        return bool(self.flights) or not self.spans.alone

    @property
    def summed(self) -> dict[str, FeedLink | SpikeLink]:
        """Projections with weights, by the name of their tensors."""
        feeds = {f"feeds:{k}": feed for k, feed in self.feeds.items()}
        return feeds | {f"feedback:{k}": link for k, link in self.links.items()}


Calls = Callable[[str, Span], list[Call]]


def run(task: Fused, given: Given, needs: Mapping[tuple[str, str], bool], tuning: Tuning = TUNING) -> Made:
    """Advance all populations over all steps."""
    made, calls = prepare(task, given, needs, tuning)
    steps, parts = next(iter(task.members.values())).steps, made.spans.parts
    if made.flights:
        _in_windows(task, made, {n: Schedule(calls(n, parts[0][0])) for n in made.members} if steps else {}, steps)
    else:
        run_queues(queues(made, calls))
    for listed in (*made.links.values(), *made.fired.values()):
        listed.trim()
    for source in made.summed.values():
        del source.rows
    return made


def prepare(
    task: Fused,
    given: Given,
    needs: Mapping[tuple[str, str], bool],
    tuning: Tuning = TUNING,
    repeated: bool = False,
    graded: bool = False,
) -> tuple[Made, Calls]:
    """Make all buffers; returns them, and the calls of a population in a span. ``repeated`` feeds, and spikes
    before the call, are listed later; ``graded`` feeds may then be any numbers."""
    steps = next(iter(task.members.values())).steps
    members = {
        n: Member(s, {name: t for (owner, name), t in given.items() if owner == n}) for n, s in task.members.items()
    }
    made = Made(members, {}, _spans(task, members, steps, tuning))
    for k, feed in enumerate(task.feeds):
        made.feeds[k] = FeedLink(
            feed, given[f"feeds:{k}", "source"], given.get((f"feeds:{k}", "weight"), feed.weight), repeated, graded
        )
    for k, link in enumerate(task.feedback):
        weight = given.get((f"feedback:{k}", "weight"), link.weight)  # stored numbers are no tensor of the loop
        history = given.get((f"feedback:{k}", "history"))
        lists = made.spans.alone and needs[f"feedback:{k}", "weight"]
        if link.pattern is not None and members[link.pre].batch <= FEW:
            made.synapses[k] = SynapseLink(link, weight, history, members, repeated)
            made.fired.setdefault(link.pre, Listed(members[link.pre], steps))
        elif link.first is not None:
            made.flights[k] = Flight(
                link, link.first, given[f"feedback:{k}", "weight"], history, members, task.emission
            )
        else:
            made.links[k] = SpikeLink(link, weight, history, members[link.pre], task.emission, lists, repeated)
    arrivals = _arrivals(made)
    scans = {n: _prepare(task, made, n, arrivals.get(n, {}), needs) for n in members}
    for carried in made.flights.values():
        carried.begin()
    for turns in () if repeated else made.early():
        run_turns(turns)

    def calls(name: str, span: Span) -> list[Call]:
        out, (kernel, given_rows) = [], scans[name]
        member = members[name]
        for stream, sources in arrivals.get(name, {}).items():
            target = member.streams[stream]
            initial = given_rows[stream].for_turn(span) if stream in given_rows else target
            for source in sources:
                out += source.arrive(span, initial, target)
                initial = target
        out.append(
            member.call(
                kernel.kernel, span, state=member.state, stream=member.streams, output=member.out, saved=member.out
            )
        )
        if name in made.fired:
            out.append(made.fired[name].look(member.out[task.emission], span))
        for _, link in made.sent(name):
            out.append(link.send(made.fired[name], span, members[link.target].streams[link.stream]))
        return out

    return made, calls


def work(made: Made, calls: Calls) -> list[list[Turns]]:
    """The work of each thread."""
    parts = made.spans.parts
    return [[Turns([c for n in made.members for c in calls(n, s)], s.turns) for s in part] for part in parts]


def queues(made: Made, calls: Calls) -> list[list[tuple[int, Schedule]]]:
    """The same as schedules with their numbers of turns."""
    return [[(turns.count, Schedule(turns.calls)) for turns in part] for part in work(made, calls)]


def _spans(task: Fused, members: Mapping[str, Member], steps: int, tuning: Tuning) -> Spans:
    first = next(iter(members.values()))
    together = all(link.latency == 0 for link in task.feedback)
    delayed = any(link.first is not None for link in task.feedback)
    late = delayed or (first.batch <= FEW and any(link.pattern is not None for link in task.feedback))
    cells = [m.cells for m in members.values()]
    return spans_of(steps, first.batch, cells, first.lanes, together and not late, late, tuning)


def _arrivals(made: Made) -> dict[str, dict[str, list[Arrival]]]:
    """Arrivals inside the operation, by population and stream."""
    out: dict[str, dict[str, list[Arrival]]] = {}
    for arrival in (*made.feeds.values(), *made.links.values()):
        out.setdefault(arrival.post, {}).setdefault(arrival.stream, []).append(arrival)
    return out


def _prepare(
    task: Fused,
    made: Made,
    name: str,
    arrivals: Mapping[str, list[Arrival]],
    needs: Mapping[tuple[str, str], bool],
) -> tuple[kernels.Forward, dict[str, Rows]]:
    """Choose a population's kernel and make its buffers; returns the kernel and the streams that are given."""
    member, scan = made.members[name], task.members[name]
    step, given = scan.step, member.given
    late = {f.feedback.stream for f in made.flights.values() if f.feedback.post == name}
    fed = {*arrivals, *late, *(s for s in step.streams if made.margin(name, s) is not None)}
    wanted = tuple(n for n in (*step.streams, *step.coefficients) if n in fed or needs.get((name, n)))
    sends = any(link.pre == name for link in task.feedback)
    sent = (task.emission,) if sends and task.emission not in scan.wanted else ()
    outputs: tuple[str, ...] = (*sent, *scan.wanted)
    differentiable = any(needs.values())
    passing = frozenset({*fed, *sent}) if made.spans.alone else frozenset(fed)
    saved = kernels.saved_values(step, scan.cuts, outputs, wanted, passing) if differentiable else ()
    shown = emitted_as(step, outputs)
    write = tuple(n for n in saved if n not in step.streams and n not in shown)
    kernel = kernels.forward_kernel(step, str(scan.dtype).removeprefix("torch."), outputs, write)
    same = tuple(s for s in step.streams if needs.get((name, s)) and given[s].shape[0] == 1)
    made.names[name] = Names(wanted, outputs, saved, shown, same)
    member.state = {n: member.vector(given[n]) for n in kernel.states}
    chunk = made.spans.chunk
    given_rows: dict[str, Rows] = {}
    for s in step.streams:
        added = s in late or any(a.in_place for a in arrivals.get(s, ()))
        if made.margin(name, s) is not None or (s in fed and added):
            made.copied.append((name, s))
        if made.margin(name, s) is not None:
            member.streams[s] = made.rows_of_time(name, s)
            member.fill(member.streams[s].tensor[: scan.steps], given[s])
        elif s in fed and added:
            member.streams[s] = member.own_rows(given[s], scan.steps, apart=int(s in late))
        elif s in fed:
            rows = member.silent_rows(scan.steps) if s in saved else member.scratch(chunk)
            given_rows[s], member.streams[s] = member.initial_rows(given[s]), rows
        else:
            member.streams[s] = member.given_rows(given[s])
    for n in (*outputs, *write):
        unread = n in sent and str(step.program.outputs[n]) not in saved
        listed = len(made.sent(name)) == sum(link.pre == name for link in task.feedback)
        at_once = unread and made.spans.alone and (listed or made.spans.block is not None)
        dtype = kernel.kernel.groups["output" if n in outputs else "saved"].dtype(n, scan.dtype)
        member.out[n] = member.scratch(chunk) if at_once else Rows(member.new(scan.steps, dtype=dtype))
    return kernel, given_rows


def _in_windows(task: Fused, made: Made, schedules: Mapping[str, Schedule], steps: int) -> None:
    """Population by population, so that spikes with delays of their own can be sent on their way in between."""
    for start in range(0, steps, task.window):
        stop = min(start + task.window, steps)
        for name in made.members:
            for flight in made.flights.values():
                if flight.feedback.post == name:
                    flight.arrive(start, stop)
            schedules[name].run(start, stop)
            for flight in made.flights.values():
                if flight.feedback.pre == name:
                    flight.depart(start, stop)
