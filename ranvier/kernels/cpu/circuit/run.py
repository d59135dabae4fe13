"""Running the compiled loop of a circuit: what goes in, and what comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from ranvier.dynamics import Step
from ranvier.kernels.cpu.circuit._blocks import block_of, rows_by_block
from ranvier.kernels.cpu.circuit._fired import fixed_counters
from ranvier.kernels.cpu.circuit._kernel import Member, Wire, circuit_kernel
from ranvier.kernels.cpu.circuit._team import team_for
from ranvier.kernels.cpu.circuit.pack import Table, pack_drawn, pack_population, pack_projection, row_tables
from ranvier.kernels.cpu.draw.row_source import RowSource
from ranvier.kernels.cpu.events.sparse import Pattern
from ranvier.kernels.cpu.host.barrier import LINE
from ranvier.kernels.cpu.host.spikes import Spikes
from ranvier.kernels.cpu.plastic.pack import PlasticProjection, pack_plastic
from ranvier.kernels.cpu.plastic.tables import LONGEST
from ranvier.values import PoissonLaw

__all__ = [
    "CircuitDrive",
    "CircuitPopulation",
    "CircuitProjection",
    "CircuitResult",
    "PlasticProjection",
    "Spikes",
    "run_circuit",
]

Tensor = torch.Tensor


@dataclass(frozen=True)
class CircuitDrive:
    """Poisson-distributed counts times ``weight`` ([cells] or [1]), added to ``stream`` ``latency`` steps later.

    ``law`` and ``key`` (which ends with the stream of random numbers) are those of ``ranvier.values.poisson_counts``.
    """

    stream: str
    law: PoissonLaw
    key: tuple[int, int, int]
    weight: Tensor
    latency: int


@dataclass(frozen=True)
class CircuitPopulation:
    """What the loop needs of a population: [cells] states and coefficients, [T, cells] (or [T, 1]) outside streams."""

    name: str
    step: Step
    cells: int
    states: Mapping[str, Tensor]
    coefficients: Mapping[str, Tensor]
    outside: Mapping[str, Tensor]
    history: Tensor
    recorded: tuple[str, ...] = ()
    drives: tuple[CircuitDrive, ...] = ()

    @property
    def given(self) -> tuple[str, ...]:
        """Streams that come from outside the circuit: arrays, and drives; each drive has a stream of its own."""
        return (*self.outside, *(d.stream for d in self.drives))

    @property
    def varied(self) -> tuple[str, ...]:
        """Coefficients with a value per cell."""
        return tuple(n for n in self.step.coefficients if self.coefficients[n].numel() > 1)


@dataclass(frozen=True)
class CircuitProjection:
    """Synapses from ``pre`` to the stream ``stream`` of ``post``; ``latency`` in steps, at least 1.

    With a ``RowSource`` the synapses are drawn when a cell fires, and share weight and latency. ``weight`` is [synapses] or
    [1]; a ``latency`` for every synapse is uint8, int16 or int32.
    """

    pre: str
    post: str
    stream: str
    pattern: Pattern | RowSource
    weight: Tensor
    latency: Tensor | int


@dataclass(frozen=True)
class CircuitResult:
    """Spikes, states after the call and recorded variables [samples, cells] by population; plastic values in order."""

    spikes: dict[str, Spikes]
    states: dict[str, dict[str, Tensor]]
    recorded: dict[str, dict[str, Tensor]]
    plastic: list[dict[str, Tensor]]


def run_circuit(
    populations: Sequence[CircuitPopulation], projections: Sequence[CircuitProjection], first: int, steps: int, dtype: torch.dtype,
    every: int = 1, plastic: Sequence[PlasticProjection] = (), threads: int | None = None,
) -> CircuitResult:  # fmt: skip
    """Advance the circuit by ``steps`` steps from step ``first``.

    A sample of the recorded variables is taken after every step n with n + 1 a multiple of ``every``. ``threads`` None
    chooses by the size of the circuit; the result is the same for any number.
    """
    index = {p.name: k for k, p in enumerate(populations)}
    every_one = (*projections, *plastic)
    rings = {p.name: tuple(dict.fromkeys(q.stream for q in every_one if q.post == p.name)) for p in populations}
    read = {end for q in plastic if q.rule.cells for end in (q.pre, q.post)}  # rules see states before arrivals
    direct = {
        p.name: tuple(
            s for s in rings[p.name]
            if p.name not in read and s not in p.given and s in p.step.added
            and all(isinstance(q.latency, int) for q in projections if (q.post, q.stream) == (p.name, s))
        )
        for p in populations
    }  # fmt: skip
    members = tuple(
        Member(
            p.step,
            rings[p.name],
            tuple(p.outside),
            p.recorded,
            p.varied,
            direct[p.name],
            tuple(d.stream for d in p.drives),
        )
        for p in populations
    )
    width = 64 // dtype.itemsize
    team = team_for(populations, projections, plastic, threads, width, steps)
    blocks = {p.name: 0 if p.name in read else block_of(p, projections, team.threads) for p in populations}
    cuts = [rows_by_block(q, blocks[q.post]) for q in projections]
    wires = [_wire(q, index, rings, c is not None) for q, c in zip(projections, cuts, strict=True)]
    wires += [
        Wire(
            -1 if q.pre is None else index[q.pre], index[q.post], rings[q.post].index(q.stream), False, True, q.rule,
            ascending=q.pattern.ascending,
        )
        for q in plastic
    ]  # fmt: skip
    lengths = {
        p.name: {
            s: max([_longest(q) for q in projections if (q.post, q.stream) == (p.name, s)], default=1)
            for s in rings[p.name]
        }
        for p in populations
    }
    together = 1 if plastic else min((_shortest(q.latency) for q in projections), default=1)
    depth = max((p.history.shape[0] for p in populations), default=0)
    table = Table(team.threads)
    table.number(first, steps, every, depth, together)
    table.add(torch.zeros(team.threads * LINE, dtype=torch.int64))
    table.each(range(team.threads))
    table.number(team.threads)
    samples = (first + steps) // every - first // every
    logs = dict.fromkeys((q.post for q in plastic if q.rule.walks), min(steps, LONGEST) + 1)
    packed = [
        pack_population(
            p,
            lengths[p.name],
            direct[p.name],
            table,
            team,
            (depth, steps, samples),
            dtype,
            logs.get(p.name, 0),
            blocks[p.name],
            fixed_counters(m),
        )
        for p, m in zip(populations, members, strict=True)
    ]
    tables = row_tables(projections, cuts, team, blocks, dtype)
    for k, (q, c) in enumerate(zip(projections, cuts, strict=True)):
        if isinstance(q.pattern, RowSource):
            pack_drawn(q, q.pattern, table, dtype)
        else:
            pack_projection(q, tables[k], table, team, dtype, blocks[q.post], c)
    values = [pack_plastic(q, table, packed, index, steps, width, dtype) for q in plastic]
    kernel = circuit_kernel(members, tuple(wires), str(dtype).removeprefix("torch."))
    table.run(kernel)
    spikes, states, recorded = {}, {}, {}
    for p, pack in zip(populations, packed, strict=True):
        spikes[p.name] = pack.spikes()
        states[p.name] = {n: t[: p.cells] for n, t in pack.states().items()}
        for n in p.step.counters:
            states[p.name][n] = (states[p.name][n] - steps).clamp_(min=0).to(dtype)
        recorded[p.name] = {n: t[:, : p.cells] for n, t in pack.record.items()}
    return CircuitResult(spikes, states, recorded, values)


def _wire(q: CircuitProjection, index: Mapping[str, int], rings: Mapping[str, tuple[str, ...]], by_block: bool) -> Wire:
    ends = index[q.pre], index[q.post], rings[q.post].index(q.stream)
    if isinstance(q.pattern, RowSource):
        return Wire(*ends, one_weight=True, one_latency=True, drawn=q.pattern.kind)
    one_weight, one_latency = q.weight.numel() == 1, isinstance(q.latency, int)
    bits = 16 if by_block else q.pattern.compact.bits
    return Wire(*ends, one_weight, one_latency, None, _bits(q.latency), bits, by_block=by_block)


def _bits(latency: Tensor | int) -> int:
    return 32 if isinstance(latency, int) else 8 * latency.itemsize


def _longest(q: CircuitProjection) -> int:
    """Slots that its ring must have."""
    return 1 if isinstance(q.latency, int) or not q.latency.numel() else int(q.latency.max())


def _shortest(latency: Tensor | int) -> int:
    if isinstance(latency, int):
        return latency
    return int(latency.min()) if latency.numel() else 1
