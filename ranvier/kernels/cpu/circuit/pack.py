"""Packing the arguments of a circuit's loop, in the order its writer reads them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from ranvier.kernels.cpu.circuit._drive import CHUNK
from ranvier.kernels.cpu.circuit._shares import Shares
from ranvier.kernels.cpu.circuit.blocks import Bins
from ranvier.kernels.cpu.circuit.fired import UNIT
from ranvier.kernels.cpu.circuit.rows import Blocks, Rows, joined, rows_of
from ranvier.kernels.cpu.circuit.team import whole_vectors
from ranvier.kernels.cpu.draw.row_source import kernel_of, tables_of
from ranvier.kernels.cpu.host.buffers import empty
from ranvier.kernels.cpu.llvm.jit import Kernel
from ranvier.kernels.tasks import RowSource, Spikes

if TYPE_CHECKING:
    from ranvier.kernels.cpu.circuit.team import Team
    from ranvier.kernels.tasks import CircuitPopulation, CircuitProjection

__all__ = ["Packed", "Table", "pack_drawn", "pack_population", "pack_projection", "row_tables"]

Tensor = torch.Tensor


class Table:
    """Pointers and integers in the order the kernel reads them, for every thread."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.pointers: list[list[int]] = [[] for _ in range(threads)]
        self.integers: list[list[int]] = [[] for _ in range(threads)]
        self._kept: list[Tensor] = []

    def add(self, *tensors: Tensor) -> None:
        """Arrays that all threads see."""
        addresses = [tensor.data_ptr() for tensor in tensors]
        for own in self.pointers:
            own.extend(addresses)
        self._kept.extend(tensors)

    def add_each(self, *arrays: Sequence[Tensor]) -> None:
        """Arrays of which each thread has its own."""
        for tensors in arrays:
            for own, tensor in zip(self.pointers, tensors, strict=True):
                own.append(tensor.data_ptr())
            self._kept.extend(tensors)

    def keep(self, tensor: Tensor) -> None:
        """An array that another one points to."""
        self._kept.append(tensor)

    def number(self, *integers: int) -> None:
        """Numbers that all threads see."""
        for own in self.integers:
            own.extend(integers)

    def each(self, integers: Iterable[int]) -> None:
        """A number for each thread."""
        for own, n in zip(self.integers, integers, strict=True):
            own.append(n)

    def addresses(self, tensors: Sequence[Tensor]) -> None:
        """One array of addresses, one per thread."""
        self._kept.extend(tensors)
        self.add(torch.from_numpy(np.array([t.data_ptr() for t in tensors], np.int64)))

    def run(self, kernel: Kernel) -> None:
        """All threads at once, this one among them; they wait for one another, so each needs a thread of its own."""
        others = [
            threading.Thread(target=kernel, args=(self.pointers[k], self.integers[k])) for k in range(1, self.threads)
        ]
        for other in others:
            other.start()
        kernel(self.pointers[0], self.integers[0])
        for other in others:
            other.join()


@dataclass(frozen=True)
class Packed:
    """Own buffers of one population during a call; states, spike lists and their bounds for every thread."""

    shares: Shares
    state: dict[str, list[Tensor]]
    record: dict[str, Tensor]
    cell: list[Tensor]
    bounds: list[Tensor]
    past: Tensor
    past_bounds: Tensor

    def states(self) -> dict[str, Tensor]:
        """States and counters of all cells."""
        return {n: self.shares.whole(parts) for n, parts in self.state.items()}

    def spikes(self) -> Spikes:
        """What fired during the call: views of the lists, so keep copies of what shall last."""
        return Spikes.merged([Spikes(c[: int(k[-1])], k) for c, k in zip(self.cell, self.bounds, strict=True)])


def pack_population(
    p: CircuitPopulation, rings: Mapping[str, int], direct: Sequence[str], table: Table, team: Team,
    times: tuple[int, int, int], dtype: torch.dtype, capacity: int, block: int, fixed: Mapping[str, str],
) -> Packed:  # fmt: skip
    """``rings``: slots by stream; ``times``: depth of the history, steps and samples of the call; ``capacity``: spikes of
    each cell that its log can hold; ``block``: cells of one; ``fixed``: counters of which the loop reads a bit, and the
    coefficient that a spike sets them to."""
    depth, steps, samples = times
    width = 64 // dtype.itemsize
    padded = whole_vectors(p.cells, width)

    def array(t: Tensor) -> Tensor:
        """Own, padded copy of one value or one for each cell; the spare lanes repeat the last cell so that they stay finite."""
        out = torch.empty(padded, dtype=dtype)
        if padded == p.cells:
            return out.copy_(t)
        out[: p.cells] = t
        out[p.cells :] = out[p.cells - 1]
        return out

    ranges = team.ranges(padded, block)
    table.number(p.cells, padded)
    table.each(low for low, _ in ranges)
    table.each(high for _, high in ranges)
    table.number(block or padded)
    table.each(range(team.threads))
    shares, units = Shares(ranges), Shares(ranges, UNIT)
    start = {n: array(p.states[n]) for n in (*p.step.states, *p.step.counters)}
    start |= {n: start[n].to(torch.int32) for n in fixed}
    state = {n: shares.split(values) for n, values in start.items()}
    table.add_each(*state.values())
    table.add_each(units.room(torch.int64), units.room(torch.int32), *(units.room(torch.int64) for _ in fixed))
    table.number(*(int(start[n].max()) for n in fixed), *(int(p.coefficients[steps]) for steps in fixed.values()))
    varied = set(p.varied)
    alike = [p.coefficients[n] for n in p.step.coefficients if n not in varied]
    one = iter(torch.tensor([c.item() for c in alike], dtype=dtype).unbind())
    table.add(*(array(p.coefficients[n].reshape(-1)) if n in varied else next(one) for n in p.step.coefficients))
    for stream, length in rings.items():
        table.add_each(state[p.step.port_of(stream)] if stream in direct else shares.room(dtype, length))
        table.number(length)
    for x in p.outside.values():
        if x.shape[1] == 1:
            table.add(x.to(dtype).expand(-1, width).contiguous())
            table.number(width if x.shape[0] > 1 else 0, 0)
        else:
            wide = torch.zeros(x.shape[0], padded, dtype=dtype)
            wide[:, : p.cells] = x
            table.add(wide)
            table.number(padded if x.shape[0] > 1 else 0, 1)
    record = {n: torch.empty(samples, padded, dtype=dtype) for n in p.recorded}
    table.add(*record.values())
    cell = [empty([steps * (high - low) + width], torch.int32) for low, high in ranges]
    bounds = [torch.zeros(steps + 1, dtype=torch.int64) for _ in ranges]
    table.addresses(cell)
    table.addresses(bounds)
    past = Spikes.of(p.history)
    past_bounds = torch.zeros(depth + 1, dtype=torch.int64)
    past_bounds[depth - p.history.shape[0] :] = past.bounds
    table.add(past.cell, past_bounds)
    table.add(
        torch.empty(p.cells * capacity, dtype=torch.int32), torch.zeros(p.cells if capacity else 0, dtype=torch.int32)
    )
    table.number(capacity)
    for d in p.drives:
        row = Shares([(low, high + CHUNK if high == padded else high) for low, high in ranges]).room(dtype)
        single = d.weight.numel() == 1
        weight = torch.zeros(CHUNK if single else padded + CHUNK, dtype=dtype)
        weight[: None if single else p.cells] = d.weight
        table.add_each(row)
        table.add(weight, torch.from_numpy(d.law.threshold), torch.from_numpy(d.law.other))
        table.number(*d.key, d.law.shift, d.latency, int(not single))
    return Packed(shares, state, record, cell, bounds, past.cell, past_bounds)


@dataclass(frozen=True)
class RowTable:
    """Rows of one projection: its own columns of the tables, by thread, and of what is common to all of its sources."""

    compact: Rows
    tables: list[Tensor]
    target: Tensor
    counts: Tensor


def row_tables(
    projections: Sequence[CircuitProjection], cuts: Sequence[Blocks | None], team: Team, blocks: Mapping[str, int],
    dtype: torch.dtype,
) -> dict[int, RowTable]:  # fmt: skip
    """The rows of every projection that has any; ``cuts`` says which are cut into blocks."""
    out: dict[int, RowTable] = {}
    by_source: dict[str, list[int]] = {}
    for k, q in enumerate(projections):
        if not isinstance(q.pattern, RowSource):
            by_source.setdefault(q.pre, []).append(k)
    for places in by_source.values():
        together = [projections[k] for k in places]
        patterns = [q.pattern for q in together if not isinstance(q.pattern, RowSource)]
        borders = [
            team.borders(whole_vectors(p.columns, 64 // dtype.itemsize), blocks[q.post])
            for p, q in zip(patterns, together, strict=True)
        ]
        rows = joined([rows_of(p) for p in patterns], borders, [cuts[k] for k in places])
        first = 0
        for n, (k, pattern) in enumerate(zip(places, patterns, strict=True)):
            cut, own = cuts[k], [t[:, n:] for t in rows.tables]
            if cut is None:
                out[k] = RowTable(rows_of(pattern), own, rows_of(pattern).target, rows.counts)
            else:
                out[k] = RowTable(rows_of(pattern), own, rows.target, rows.counts[:, first:])
                first += cut.counts.shape[1]
    return out


def pack_drawn(q: CircuitProjection, source: RowSource, table: Table, dtype: torch.dtype) -> None:
    """What draws the rows of a projection."""
    *tables, scratch = tables_of(source)
    table.keep(scratch)
    table.add(*tables, torch.from_numpy(source.degree), q.weight.to(dtype))
    table.number(kernel_of(source).kernel.address, int(len(source.degree) > 1), int(q.latency))


def pack_projection(
    q: CircuitProjection, rows: RowTable, table: Table, team: Team, dtype: torch.dtype, block: int = 0,
    cut: Blocks | None = None,
) -> None:  # fmt: skip
    """Rows, weights and latencies; with ``cut`` also the bins of the blocks."""
    weight = q.weight.to(dtype).contiguous()
    table.add_each(rows.tables)
    each = rows.target.itemsize + (0 if weight.numel() == 1 else weight.itemsize)
    each += 0 if isinstance(q.latency, int) else q.latency.itemsize
    table.number(rows.tables[0].stride(0), rows.compact.reach(each))
    table.add(rows.target, weight)
    if cut is not None:
        bins = Bins(cut, weight.numel() == 1, dtype, team.threads)
        table.add(rows.counts, bins.target, bins.weight, bins.start)
        table.add_each(bins.top)
        table.number(rows.counts.stride(0))
        ranges = team.ranges(whole_vectors(rows.compact.columns, 64 // dtype.itemsize), block)
        table.each(low // block for low, _ in ranges)
        table.each(-(-high // block) if high > low else low // block for low, high in ranges)
    if isinstance(q.latency, int):
        table.number(q.latency)
    else:
        table.add(q.latency)
