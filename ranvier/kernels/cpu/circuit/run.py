"""Running a circuit: its arguments and its results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch

from ranvier.dynamics import Step
from ranvier.kernels.cpu.circuit.arguments import population, wire, wire_signature
from ranvier.kernels.cpu.circuit.blocks import block_of, rows_by_block
from ranvier.kernels.cpu.circuit.cells import cells_kernel
from ranvier.kernels.cpu.circuit.form import Member, Wire
from ranvier.kernels.cpu.circuit.graded import graded_kernel, pack_graded, slots_of
from ranvier.kernels.cpu.circuit.kernel import driver
from ranvier.kernels.cpu.circuit.pack import Packed, pack_drawn, pack_population, pack_projection, row_tables
from ranvier.kernels.cpu.circuit.projection import CARRY, DRAW, EMPTY, HISTORY, TOGETHER, wire_kernel
from ranvier.kernels.cpu.circuit.rows import rows_of
from ranvier.kernels.cpu.circuit.team import Team, team_for
from ranvier.kernels.cpu.host.barrier import LINE
from ranvier.kernels.cpu.host.clock import clocks
from ranvier.kernels.cpu.host.meeting import MEETING, meeting_kernel
from ranvier.kernels.cpu.host.sections import Entry, Sections, room
from ranvier.kernels.cpu.host.tuning import TUNING, Tuning
from ranvier.kernels.cpu.host.weights import synapses_of
from ranvier.kernels.cpu.plastic.pack import PlasticValues, pack_log, pack_plastic, sums_meet
from ranvier.kernels.cpu.plastic.part import PlasticWire, plastic_calls
from ranvier.kernels.cpu.plastic.tables import LONGEST
from ranvier.kernels.cpu.plastic.told import pack_told
from ranvier.kernels.tasks import Circuit, CircuitProjection, CircuitResult, Pattern, RowSource

__all__ = ["run_circuit"]

Tensor = torch.Tensor


def run_circuit(task: Circuit, threads: int | None = None, tuning: Tuning = TUNING) -> CircuitResult:
    """Advance the circuit; ``threads`` None chooses by its size. The result is the same for any number, and any tuning."""
    populations, projections, plastic, dtype = task.populations, task.projections, task.plastic, task.dtype
    read = {end for q in plastic if q.rule.cells for end in (q.pre, q.post)}  # rules see states before arrivals
    rings = _rings(task)
    members = _members(task, rings, read)
    width = 64 // dtype.itemsize
    team = team_for(populations, projections, plastic, threads, width, task.steps, tuning)
    blocks = {p.name: 0 if p.name in read else block_of(p, projections, team.threads, tuning) for p in populations}
    cuts = [rows_by_block(q, blocks[q.post], tuning) for q in projections]
    forms = [_form(q, c is not None) for q, c in zip(projections, cuts, strict=True)]
    bins = {p.name: [k for k, (q, c) in enumerate(zip(projections, cuts, strict=True)) if c and q.post == p.name] for p in populations}  # fmt: skip
    lists = {n: [room(wire_signature(forms[k]) for k in own) for _ in range(team.threads)] for n, own in bins.items()}
    sections = _sections(task, team)
    packed = _pack_populations(task, members, rings, sections, team, blocks, lists)
    tables = row_tables(projections, cuts, team, blocks, dtype)
    for k, (q, form, c) in enumerate(zip(projections, forms, cuts, strict=True)):
        ends = packed[q.pre], packed[q.post]
        match q.pattern:
            case RowSource() as source:
                pack_drawn(q, form, source, sections, wire(k), *ends, tuning)
            case Pattern():
                pack_projection(q, form, tables[k], sections, wire(k), team, *ends, blocks[q.post], c)
    calls = [
        Entry(wire_kernel(f, dtype), wire(k), TOGETHER if f.drawn and team.threads > 1 else CARRY)
        for k, f in enumerate(forms)
    ]
    for n, own in ((n, own) for n, own in bins.items() if own):
        for place, entries in zip(lists[n], sections.listed(calls[k]._replace(part=EMPTY) for k in own), strict=True):
            place[: len(entries)] = entries
    meeting = _meeting(sections, team)
    values, plastic_step, end = _pack_plastic(task, sections, packed, width, meeting)
    graded = _pack_graded(task, sections, packed)
    cells = [Entry(cells_kernel(m, dtype), population(k)) for k, m in enumerate(members)]
    varied = [call for call, form in zip(calls, forms, strict=True) if not form.one_latency]
    steady = [call for call, form in zip(calls, forms, strict=True) if form.one_latency]
    before = [call._replace(part=HISTORY) for call in varied]
    ahead = [call._replace(part=DRAW) for call in steady if call.part == TOGETHER]
    _drive(
        task,
        sections,
        {
            "history": before,
            "slice": [*ahead, *(meeting if ahead else ())],
            "step": [*steady, *graded, *plastic_step, *cells],
            "after": varied,
            "end": end,
        },
    )
    return _result(task, packed, values)


def _rings(task: Circuit) -> dict[str, dict[str, int]]:
    """The streams of each population that projections of the circuit feed, and how many slots the ring of each must have."""
    rings: dict[str, dict[str, int]] = {p.name: {} for p in task.populations}
    for q in task.projections:
        rings[q.post][q.stream] = max(rings[q.post].get(q.stream, 1), _slots(q))
    for q in (*task.plastic, *task.graded):
        rings[q.post].setdefault(q.stream, 1)
    return rings


def _slots(q: CircuitProjection) -> int:
    """How many its ring must have."""
    return 1 if q.latencies is None else q.longest


def _members(task: Circuit, rings: Mapping[str, Mapping[str, int]], read: Iterable[str | None]) -> list[Member]:
    """The kind of each population; rings of ``read`` ones are no states."""
    each = {(q.post, q.stream) for q in task.projections if q.latencies is not None}

    def direct(stream: str, name: str, given: tuple[str, ...], step: Step) -> bool:
        free = name not in read and stream not in given and (name, stream) not in each
        return free and stream in step.added and step.port_of(stream) not in step.exact

    return [
        Member(
            p.step, tuple(rings[p.name]), tuple(p.outside), p.recorded, p.varied,
            tuple(s for s in rings[p.name] if direct(s, p.name, p.given, p.step)),
            tuple((d.stream, d.law.each) for d in p.drives), tuple(p.noises), p.emission,
        )
        for p in task.populations
    ]  # fmt: skip


def _form(q: CircuitProjection, by_block: bool) -> Wire:
    """The kind of a projection."""
    latency_bits = 32 if q.latencies is None else 8 * q.latencies.itemsize
    match q.pattern:
        case RowSource(kind=kind):
            return Wire(one_weight=True, one_latency=True, drawn=kind)
        case Pattern() as pattern:
            bits = 16 if by_block else rows_of(pattern).bits
            one_latency, code = q.latencies is None, synapses_of(q.weight).code
            return Wire(q.one_weight, one_latency, latency_bits, bits, by_block=by_block, code=code)


def _sections(task: Circuit, team: Team) -> Sections:
    """Empty sections with a clock for each thread."""
    time = {"first": task.first, "every": task.every, "depth": _depth(task)}
    flags, meetings = torch.zeros(2, team.threads * LINE, dtype=torch.int64)
    return Sections(task.dtype, clocks(team.threads, **time), {"flags": flags, "meetings": meetings})


def _depth(task: Circuit) -> int:
    """Steps of history that are known."""
    return max((p.history.shape[0] for p in task.populations), default=0)


def _pack_populations(
    task: Circuit, members: Sequence[Member], rings: Mapping[str, Mapping[str, int]], sections: Sections, team: Team,
    blocks: Mapping[str, int], bins: Mapping[str, Sequence[Tensor]],
) -> dict[str, Packed]:  # fmt: skip
    """Fill the sections of all populations; what of each others read."""
    times = _depth(task), task.steps, (task.first + task.steps) // task.every - task.first // task.every
    logs = dict.fromkeys((q.post for q in task.plastic if q.rule.walks), min(task.steps, LONGEST) + 1)
    return {
        p.name: pack_population(
            p, m, sections, population(k), team, rings[p.name], times, logs.get(p.name, 0), blocks[p.name],
            slots_of(task, p), bins[p.name],
        )
        for k, (p, m) in enumerate(zip(task.populations, members, strict=True))
    }  # fmt: skip


def _meeting(sections: Sections, team: Team) -> list[Entry]:
    """The call at which several threads meet."""
    if team.threads == 1:
        return []
    sections.fill("meeting", MEETING, {})
    return [Entry(meeting_kernel(), "meeting")]


def _pack_plastic(
    task: Circuit, sections: Sections, packed: Mapping[str, Packed], width: int, meeting: Sequence[Entry]
) -> tuple[list[PlasticValues], list[Entry], list[Entry]]:
    """Fill the sections of plastic projections; their values after the run, and the calls of a step and at the end."""
    if not task.plastic:
        return [], [], []
    told, telling = {}, []
    if meeting:
        ends = ((q.pre, n) for q in task.plastic if q.pre for end, n in q.rule.cells if end == "pre")
        for pre, n in dict.fromkeys(ends):
            state, ranges = packed[pre].state[n], packed[pre].shares.ranges
            told[pre, n], call = pack_told(state, ranges, sections, ("told", pre, n))
            telling.append(call)
    wires, values = [], []
    for k, q in enumerate(task.plastic):
        wires.append(PlasticWire(q.rule, q.pattern.ascending, ("plastic", k), ("log", q.post)))
        values.append(pack_plastic(q, sections, wires[-1].key, packed, task.steps, width, told))
    for name in {q.post for q in task.plastic if q.rule.walks}:
        pack_log(packed[name], sections, ("log", name))
    step, end = plastic_calls(wires, task.dtype, meeting if any(map(sums_meet, task.plastic)) else ())
    return values, [*telling, *(meeting if telling else ()), *step], end


def _pack_graded(task: Circuit, sections: Sections, packed: Mapping[str, Packed]) -> list[Entry]:
    """Fill the sections of graded projections; their calls in a step."""
    calls = [
        Entry(graded_kernel(isinstance(q.latency, int), task.dtype), ("graded", k)) for k, q in enumerate(task.graded)
    ]
    for q, call in zip(task.graded, calls, strict=True):
        pack_graded(q, sections, call.key, packed[q.pre], packed[q.post])
    return calls


def _drive(task: Circuit, sections: Sections, lists: Mapping[str, Sequence[Entry]]) -> None:
    """Run the driver over lists of calls."""
    latencies = [q.shortest for q in (*task.projections, *task.graded)]
    latencies += [k for q in task.plastic if q.pre is not None for k in q.latencies]
    together = min(latencies, default=1)
    given = {"steps": task.steps, "together": together}
    each = {n: sections.listed(calls) for n, calls in lists.items()}
    sections.fill("driver", driver().signature, given, each)
    sections.run(driver(), "driver")


def _result(task: Circuit, packed: Mapping[str, Packed], values: Sequence[PlasticValues]) -> CircuitResult:
    spikes, states, recorded = {}, {}, {}
    for p in task.populations:
        pack = packed[p.name]
        spikes[p.name] = pack.spikes()
        states[p.name] = {n: t[: p.cells] for n, t in pack.states().items()}
        for n in p.step.counters:
            states[p.name][n] = (states[p.name][n] - task.steps).clamp_(min=0).to(task.dtype)
        recorded[p.name] = {n: t[:, : p.cells] for n, t in pack.record.items()}
    kept = {p.name: (packed[p.name].emissions, p.kept) for p in task.populations}
    emitted = {n: emissions.last(task.steps, count) for n, (emissions, count) in kept.items() if emissions is not None}
    return CircuitResult(spikes, states, recorded, [v.whole() for v in values], emitted)
