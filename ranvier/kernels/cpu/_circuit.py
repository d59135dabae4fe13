"""Running the compiled loop of a circuit: packing its arguments, and unpacking spikes and states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from ranvier.dynamics import Step
from ranvier.kernels.cpu._circuit_kernel import Member, Wire, circuit_kernel
from ranvier.kernels.cpu._sparse import Pattern

__all__ = ["CircuitPopulation", "CircuitProjection", "Spikes", "run_circuit"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Spikes:
    """Spikes in order of step and cell: cells of step k are ``cell[bounds[k]:bounds[k + 1]]``."""

    cell: Tensor
    bounds: Tensor

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
class CircuitProjection:
    """Synapses from ``pre`` to the stream ``stream`` of ``post``; ``latency`` in steps, at least 1."""

    pre: str
    post: str
    stream: str
    pattern: Pattern
    weight: Tensor
    latency: Tensor | int


def run_circuit(
    populations: Sequence[CircuitPopulation], projections: Sequence[CircuitProjection], first: int, steps: int, dtype: torch.dtype,
    every: int = 1,
) -> tuple[dict[str, Spikes], dict[str, dict[str, Tensor]], dict[str, dict[str, Tensor]]]:  # fmt: skip
    """Advance the circuit by ``steps`` steps from step ``first``.

    Returns spikes, the states after, and recorded variables [samples, cells], each by population; a sample is taken after every
    step n with n + 1 a multiple of ``every``.
    """
    index = {p.name: k for k, p in enumerate(populations)}
    rings = {p.name: tuple(dict.fromkeys(q.stream for q in projections if q.post == p.name)) for p in populations}
    members = tuple(Member(p.step, rings[p.name], tuple(p.outside), p.recorded, p.varied) for p in populations)
    wires = tuple(
        Wire(index[q.pre], index[q.post], rings[q.post].index(q.stream), q.weight.numel() == 1, isinstance(q.latency, int)) for q in projections
    )
    longest = max((int(q.latency.max()) if isinstance(q.latency, Tensor) and q.latency.numel() else q.latency if isinstance(q.latency, int) else 0 for q in projections), default=0)
    length = longest + 1
    depth = max((p.history.shape[0] for p in populations), default=0)
    width = 64 // dtype.itemsize
    table = _Table([first, steps, length, every, depth])
    samples = (first + steps) // every - first // every
    packed = [_pack(p, rings[p.name], table, length, depth, steps, samples, width, dtype) for p in populations]
    for q in projections:
        table.add(q.pattern.row_pointer, q.pattern.target, q.weight.to(dtype).contiguous())
        if isinstance(q.latency, int):
            table.integers.append(q.latency)
        else:
            table.add(q.latency)
    kernel = circuit_kernel(members, wires, str(dtype).removeprefix("torch."))
    kernel([t.data_ptr() for t in table.tensors], table.integers)
    spikes, states, recorded = {}, {}, {}
    for p, (state, record, cell, bounds) in zip(populations, packed, strict=True):
        spikes[p.name] = Spikes(cell[: int(bounds[-1])].clone(), bounds)
        states[p.name] = {n: t[: p.cells] for n, t in state.items()}
        states[p.name] |= {n: (t[: p.cells] - steps).clamp_(min=0) for n, t in state.items() if n in p.step.counters}
        recorded[p.name] = {n: t[:, : p.cells] for n, t in record.items()}
    return spikes, states, recorded


class _Table:
    """Pointers and integers in the order the kernel reads them."""

    def __init__(self, integers: list[int]) -> None:
        self.tensors: list[Tensor] = []
        self.integers = integers

    def add(self, *tensors: Tensor) -> None:
        self.tensors.extend(tensors)


def _pack(
    p: CircuitPopulation, rings: tuple[str, ...], table: _Table, length: int, depth: int, steps: int, samples: int, width: int,
    dtype: torch.dtype,
):  # fmt: skip
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
    table.add(cell, bounds, past[:, 1].to(torch.int32).contiguous(), past_bounds)
    return state, record, cell, bounds
