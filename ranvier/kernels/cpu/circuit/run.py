"""Running a circuit: its arguments and its results."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from ranvier.kernels.cpu.circuit.arguments import CIRCUIT, graded, population, wire
from ranvier.kernels.cpu.circuit.blocks import block_of, rows_by_block
from ranvier.kernels.cpu.circuit.form import Member, Wire
from ranvier.kernels.cpu.circuit.graded import GradedForm, pack_graded, slots_of
from ranvier.kernels.cpu.circuit.kernel import circuit_kernel
from ranvier.kernels.cpu.circuit.pack import pack_drawn, pack_population, pack_projection, row_tables
from ranvier.kernels.cpu.circuit.rows import rows_of
from ranvier.kernels.cpu.circuit.team import team_for
from ranvier.kernels.cpu.host.barrier import LINE
from ranvier.kernels.cpu.host.tuning import TUNING, Tuning
from ranvier.kernels.cpu.host.weights import synapses_of
from ranvier.kernels.cpu.plastic.pack import pack_plastic
from ranvier.kernels.cpu.plastic.tables import LONGEST
from ranvier.kernels.tasks import Circuit, CircuitProjection, CircuitResult, Pattern, RowSource

__all__ = ["run_circuit"]

Tensor = torch.Tensor


def run_circuit(task: Circuit, threads: int | None = None, tuning: Tuning = TUNING) -> CircuitResult:
    """Advance the circuit; ``threads`` None chooses by its size. The result is the same for any number, and any tuning."""
    populations, projections, plastic = task.populations, task.projections, task.plastic
    first, steps, every, dtype = task.first, task.steps, task.every, task.dtype
    index = {p.name: k for k, p in enumerate(populations)}
    rings: dict[str, dict[str, list[CircuitProjection]]] = {p.name: {} for p in populations}
    for q in projections:
        rings[q.post].setdefault(q.stream, []).append(q)
    for q in (*plastic, *task.graded):
        rings[q.post].setdefault(q.stream, [])
    read = {end for q in plastic if q.rule.cells for end in (q.pre, q.post)}  # rules see states before arrivals
    direct = {
        p.name: tuple(
            s for s, arriving in rings[p.name].items()
            if p.name not in read and s not in p.given and s in p.step.added and p.step.port_of(s) not in p.step.exact
            and all(q.latencies is None for q in arriving)
        )
        for p in populations
    }  # fmt: skip
    members = tuple(
        Member(
            p.step,
            tuple(rings[p.name]),
            tuple(p.outside),
            p.recorded,
            p.varied,
            direct[p.name],
            tuple((d.stream, d.law.each) for d in p.drives),
            tuple(p.noises),
            p.emission,
        )
        for p in populations
    )
    width = 64 // dtype.itemsize
    team = team_for(populations, projections, plastic, threads, width, steps, tuning)
    blocks = {p.name: 0 if p.name in read else block_of(p, projections, team.threads, tuning) for p in populations}
    cuts = [rows_by_block(q, blocks[q.post], tuning) for q in projections]
    places = {n: {stream: k for k, stream in enumerate(own)} for n, own in rings.items()}
    wires = [_wire(q, index, places, c is not None) for q, c in zip(projections, cuts, strict=True)]
    wires += [
        Wire(
            -1 if q.pre is None else index[q.pre], index[q.post], places[q.post][q.stream], False, True, q.rule,
            ascending=q.pattern.ascending,
        )
        for q in plastic
    ]  # fmt: skip
    lengths = {n: {s: max(map(_slots, qs), default=1) for s, qs in own.items()} for n, own in rings.items()}
    forms = [
        GradedForm(index[q.pre], index[q.post], places[q.post][q.stream], isinstance(q.latency, int))
        for q in task.graded
    ]
    together = 1 if plastic else min((q.shortest for q in (*projections, *task.graded)), default=1)
    depth = max((p.history.shape[0] for p in populations), default=0)
    kernel = circuit_kernel(members, tuple(wires), tuple(forms), dtype)
    call = kernel.call(team.threads)
    whole = {"first": first, "steps": steps, "every": every, "depth": depth, "together": together}
    whole |= {"flags": torch.zeros(team.threads * LINE, dtype=torch.int64), "threads": team.threads}
    call.fill(CIRCUIT, whole, {"thread": range(team.threads)})
    samples = (first + steps) // every - first // every
    logs = dict.fromkeys((q.post for q in plastic if q.rule.walks), min(steps, LONGEST) + 1)
    times = depth, steps, samples
    packed = [
        pack_population(
            p, m, call, population(k), team, lengths[p.name], times, logs.get(p.name, 0), blocks[p.name], slots_of(task, p)
        )
        for k, (p, m) in enumerate(zip(populations, members, strict=True))
    ]  # fmt: skip
    tables = row_tables(projections, cuts, team, blocks, dtype)
    for k, (q, c) in enumerate(zip(projections, cuts, strict=True)):
        match q.pattern:
            case RowSource() as source:
                pack_drawn(q, source, call, wire(k))
            case Pattern():
                pack_projection(q, tables[k], call, wire(k), team, blocks[q.post], c)
    for k, q in enumerate(task.graded):
        emissions = packed[index[q.pre]].emissions
        if emissions is not None:
            pack_graded(q, emissions, call, graded(k))
    values = [
        pack_plastic(q, call, wire(k), packed, index, steps, width) for k, q in enumerate(plastic, len(projections))
    ]
    call.run()
    spikes, states, recorded = {}, {}, {}
    for p, pack in zip(populations, packed, strict=True):
        spikes[p.name] = pack.spikes()
        states[p.name] = {n: t[: p.cells] for n, t in pack.states().items()}
        for n in p.step.counters:
            states[p.name][n] = (states[p.name][n] - steps).clamp_(min=0).to(dtype)
        recorded[p.name] = {n: t[:, : p.cells] for n, t in pack.record.items()}
    emitted = {
        p.name: pack.emissions.last(steps, p.kept)
        for p, pack in zip(populations, packed, strict=True)
        if pack.emissions is not None
    }
    return CircuitResult(spikes, states, recorded, values, emitted)


def _wire(
    q: CircuitProjection, index: Mapping[str, int], places: Mapping[str, Mapping[str, int]], by_block: bool
) -> Wire:
    ends = index[q.pre], index[q.post], places[q.post][q.stream]
    latency_bits = 32 if q.latencies is None else 8 * q.latencies.itemsize
    match q.pattern:
        case RowSource(kind=kind):
            return Wire(*ends, one_weight=True, one_latency=True, drawn=kind)
        case Pattern() as pattern:
            bits = 16 if by_block else rows_of(pattern).bits
            one_latency, code = q.latencies is None, synapses_of(q.weight).code
            return Wire(*ends, q.one_weight, one_latency, None, latency_bits, bits, by_block=by_block, code=code)


def _slots(q: CircuitProjection) -> int:
    """How many its ring must have."""
    return 1 if q.latencies is None or not q.latencies.numel() else int(q.latencies.max())
