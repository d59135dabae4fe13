"""Running the compiled loop of a circuit: packing its arguments, and unpacking spikes and states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from ranvier.dynamics import Step
from ranvier.kernels.cpu._circuit_kernel import Member, Wire, circuit_kernel
from ranvier.kernels.cpu._row_rule import Decay, RowRule
from ranvier.kernels.cpu._sparse import Pattern

__all__ = ["CircuitPopulation", "CircuitProjection", "CircuitResult", "PlasticProjection", "Spikes", "run_circuit"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Spikes:
    """Spikes in order of step and cell: cells of step k are ``cell[bounds[k]:bounds[k + 1]]``."""

    cell: Tensor
    bounds: Tensor

    @classmethod
    def of(cls, dense: Tensor) -> Spikes:
        """The spikes of a stream [steps, size]; what is not zero counts once."""
        found = torch.nonzero(dense)
        bounds = torch.zeros(dense.shape[0] + 1, dtype=torch.int64)
        bounds[1:] = torch.bincount(found[:, 0], minlength=dense.shape[0]).cumsum(0)
        return cls(found[:, 1].to(torch.int32).contiguous(), bounds)

    def last(self, steps: int) -> Spikes:
        """Those of the last ``steps`` steps."""
        bounds = self.bounds[max(0, self.bounds.numel() - 1 - steps) :]
        return Spikes(self.cell[int(bounds[0]) :], bounds - bounds[0])

    def dense(self, size: int, dtype: torch.dtype) -> Tensor:
        """As a stream [steps, size] of zeros and ones."""
        steps = self.bounds.numel() - 1
        out = torch.zeros(steps, size, dtype=dtype)
        out[torch.repeat_interleave(torch.arange(steps), self.bounds.diff()), self.cell.long()] = 1
        return out


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

    @property
    def varied(self) -> tuple[str, ...]:
        """Coefficients with a value per cell."""
        return tuple(n for n in self.step.coefficients if self.coefficients[n].numel() > 1)


@dataclass(frozen=True)
class PlasticProjection:
    """Plastic synapses of one latency from ``pre`` (or from spikes given from outside) to the stream ``stream``.

    ``values`` holds the weight and the variables [synapses], ``decays`` how each variable of a lazy rule moves per step,
    ``parameters`` one number each, or [synapses]. ``outside`` are the spikes of a source for the ``latency`` steps before
    the call and all steps of it. Random rules draw number ``elements[s]`` (s where None) of the stream ``key``.
    """

    pre: str | None
    post: str
    stream: str
    pattern: Pattern
    rule: RowRule
    values: Mapping[str, Tensor]
    decays: Mapping[str, Decay]
    parameters: Mapping[str, Tensor]
    latency: int
    outside: Spikes | None = None
    elements: Tensor | None = None
    key: tuple[int, int, int] = (0, 0, 0)


@dataclass(frozen=True)
class CircuitProjection:
    """Synapses from ``pre`` to the stream ``stream`` of ``post``; ``latency`` in steps, at least 1.

    ``weight`` is [synapses] or [1]; a ``latency`` for every synapse is uint8, int16 or int32.
    """

    pre: str
    post: str
    stream: str
    pattern: Pattern
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
    every: int = 1, plastic: Sequence[PlasticProjection] = (),
) -> CircuitResult:  # fmt: skip
    """Advance the circuit by ``steps`` steps from step ``first``.

    A sample of the recorded variables is taken after every step n with n + 1 a multiple of ``every``.
    """
    index = {p.name: k for k, p in enumerate(populations)}
    every_one = (*projections, *plastic)
    rings = {p.name: tuple(dict.fromkeys(q.stream for q in every_one if q.post == p.name)) for p in populations}
    members = tuple(Member(p.step, rings[p.name], tuple(p.outside), p.recorded, p.varied) for p in populations)
    wires = [
        Wire(
            index[q.pre],
            index[q.post],
            rings[q.post].index(q.stream),
            q.weight.numel() == 1,
            isinstance(q.latency, int),
            None,
            _bits(q.latency),
        )
        for q in projections
    ]
    wires += [
        Wire(-1 if q.pre is None else index[q.pre], index[q.post], rings[q.post].index(q.stream), False, True, q.rule)
        for q in plastic
    ]
    length = 1 + max((_longest(q.latency) for q in projections), default=0)
    depth = max((p.history.shape[0] for p in populations), default=0)
    width = 64 // dtype.itemsize
    table = _Table([first, steps, length, every, depth])
    samples = (first + steps) // every - first // every
    logged = {q.post for q in plastic}
    packed = [
        _pack(p, rings[p.name], table, length, depth, steps, samples, width, dtype, p.name in logged)
        for p in populations
    ]
    for q in projections:
        table.add(q.pattern.row_pointer, q.pattern.target, q.weight.to(dtype).contiguous())
        if isinstance(q.latency, int):
            table.integers.append(q.latency)
        else:
            table.add(q.latency)
    values = [_pack_plastic(q, table, packed, index, depth, steps, width, dtype) for q in plastic]
    kernel = circuit_kernel(members, tuple(wires), str(dtype).removeprefix("torch."))
    kernel([t.data_ptr() for t in table.tensors], table.integers)
    spikes, states, recorded = {}, {}, {}
    for p, pack in zip(populations, packed, strict=True):
        spikes[p.name] = Spikes(pack.cell[: int(pack.bounds[-1])].clone(), pack.bounds)
        states[p.name] = {n: t[: p.cells] for n, t in pack.state.items()}
        states[p.name] |= {
            n: (t[: p.cells] - steps).clamp_(min=0) for n, t in pack.state.items() if n in p.step.counters
        }
        recorded[p.name] = {n: t[:, : p.cells] for n, t in pack.record.items()}
    after = [{n: t[: q.pattern.synapses] for n, t in v.items()} for q, v in zip(plastic, values, strict=True)]
    return CircuitResult(spikes, states, recorded, after)


def _bits(latency: Tensor | int) -> int:
    return 32 if isinstance(latency, int) else 8 * latency.itemsize


def _longest(latency: Tensor | int) -> int:
    if isinstance(latency, int):
        return latency
    return int(latency.max()) if latency.numel() else 0


@dataclass(frozen=True)
class _Packed:
    """Own buffers of one population during a call."""

    state: dict[str, Tensor]
    record: dict[str, Tensor]
    cell: Tensor
    bounds: Tensor
    past: Tensor
    past_bounds: Tensor


class _Table:
    """Pointers and integers in the order the kernel reads them."""

    def __init__(self, integers: list[int]) -> None:
        self.tensors: list[Tensor] = []
        self.integers = integers

    def add(self, *tensors: Tensor) -> None:
        self.tensors.extend(tensors)


def _pack(
    p: CircuitPopulation, rings: tuple[str, ...], table: _Table, length: int, depth: int, steps: int, samples: int, width: int,
    dtype: torch.dtype, logged: bool,
) -> _Packed:  # fmt: skip
    padded = -(-p.cells // width) * width

    def array(t: Tensor) -> Tensor:
        """Own, padded copy; the spare lanes repeat the last cell so that they stay finite."""
        out = torch.empty(padded, dtype=dtype)
        out[: p.cells] = t.reshape(-1)
        out[p.cells :] = out[p.cells - 1]
        return out

    table.integers += [p.cells, padded]
    state = {n: array(p.states[n].expand(p.cells)) for n in (*p.step.states, *p.step.counters)}
    table.add(*state.values())
    for n in p.step.coefficients:
        c = p.coefficients[n].to(dtype)
        table.add(array(c.expand(p.cells)) if n in p.varied else c.reshape(1).contiguous())
    table.add(*(torch.zeros(length, padded, dtype=dtype) for _ in rings))
    for x in p.outside.values():
        if x.shape[1] == 1:
            table.add(x.to(dtype).expand(-1, width).contiguous())
            table.integers += [width if x.shape[0] > 1 else 0, 0]
        else:
            wide = torch.zeros(x.shape[0], padded, dtype=dtype)
            wide[:, : p.cells] = x
            table.add(wide)
            table.integers += [padded if x.shape[0] > 1 else 0, 1]
    record = {n: torch.empty(samples, padded, dtype=dtype) for n in p.recorded}
    table.add(*record.values())
    cell, bounds = torch.empty(steps * p.cells + width, dtype=torch.int32), torch.zeros(steps + 1, dtype=torch.int64)
    past = torch.nonzero(p.history)
    counts = torch.bincount(past[:, 0], minlength=p.history.shape[0])
    past_bounds = torch.zeros(depth + 1, dtype=torch.int64)
    past_bounds[depth - p.history.shape[0] + 1 :] = counts.cumsum(0)
    past_cell = past[:, 1].to(torch.int32).contiguous()
    table.add(cell, bounds, past_cell, past_bounds)
    capacity = steps + 1 if logged else 0
    table.add(
        torch.empty(p.cells * capacity, dtype=torch.int32), torch.zeros(p.cells if logged else 0, dtype=torch.int32)
    )
    table.integers.append(capacity)
    return _Packed(state, record, cell, bounds, past_cell, past_bounds)


def _pack_plastic(
    q: PlasticProjection, table: _Table, packed, index, depth: int, steps: int, width: int, dtype: torch.dtype
) -> dict[str, Tensor]:
    """Rows padded by a vector, since a row's last vector may read into the next; decay factors by elapsed steps."""
    synapses = q.pattern.synapses

    def array(t: Tensor, kind: torch.dtype) -> Tensor:
        out = torch.zeros(synapses + width, dtype=kind)
        out[:synapses] = t
        return out

    values = {n: array(t, dtype) for n, t in q.values.items()}
    tables = {n: _elapsed(decay, steps + 2).to(dtype) for n, decay in q.decays.items()}
    last, cursor = (torch.zeros(synapses + width, dtype=torch.int32) for _ in range(2))
    table.add(q.pattern.row_pointer, array(q.pattern.target, torch.int32), last, cursor, values["w"])
    table.add(*(values[n] for n in q.rule.variables), *(t[0] for t in tables.values()))
    table.add(*(tables[n][1] for n in q.rule.shifted))
    for n in q.rule.parameters:
        table.add(array(q.parameters[n], dtype) if n in q.rule.varied else q.parameters[n].to(dtype).reshape(1))
    if q.rule.random:
        elements = torch.arange(synapses) if q.elements is None else q.elements
        table.add(array(elements, torch.int32), torch.tensor(q.key, dtype=torch.int64))
    if q.outside is not None:
        table.add(q.outside.cell, q.outside.bounds)
    else:
        pre = packed[index[q.pre]]
        table.add(pre.past, pre.past_bounds)
    table.integers += [q.pattern.rows, q.latency, q.latency if q.outside is not None else depth]
    return values


def _elapsed(decay: Decay, count: int) -> Tensor:
    """What 0, 1, … count - 1 steps do to a variable: factors and shifts [2, count]."""
    elapsed = torch.arange(count, dtype=torch.float64)
    factors = torch.pow(torch.tensor(decay.factor, dtype=torch.float64), elapsed)
    whole = elapsed if decay.factor == 1 else (1 - factors) / (1 - decay.factor)
    return torch.stack([factors, decay.shift * whole])
