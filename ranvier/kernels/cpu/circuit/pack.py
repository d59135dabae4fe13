"""Packing the arguments of a circuit: what threads share, and what each has of its own."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ranvier.kernels.cpu.circuit._drawn_together import AHEAD
from ranvier.kernels.cpu.circuit._drive import CHUNK, drive_names, noise_names
from ranvier.kernels.cpu.circuit._shares import Shares
from ranvier.kernels.cpu.circuit.arguments import population_signature, wire_signature
from ranvier.kernels.cpu.circuit.blocks import Bins
from ranvier.kernels.cpu.circuit.fired import UNIT, fixed_counters
from ranvier.kernels.cpu.circuit.graded import Emissions
from ranvier.kernels.cpu.circuit.rows import Blocks, Rows, joined, rows_of
from ranvier.kernels.cpu.circuit.team import whole_vectors
from ranvier.kernels.cpu.draw.row_source import kernel_of, longest_of, tables_of
from ranvier.kernels.cpu.draw.steps import limits_of
from ranvier.kernels.cpu.host.buffers import empty
from ranvier.kernels.cpu.host.checked import Place
from ranvier.kernels.cpu.host.weights import Weights, synapses_of
from ranvier.kernels.tasks import Spikes
from ranvier.storages import Stored

if TYPE_CHECKING:
    from ranvier.kernels.cpu.circuit.form import Member, Wire
    from ranvier.kernels.cpu.circuit.team import Team
    from ranvier.kernels.cpu.host.sections import Sections
    from ranvier.kernels.cpu.host.tuning import Tuning
    from ranvier.kernels.tasks import CircuitPopulation, CircuitProjection, Pattern, RowSource

__all__ = ["Packed", "pack_drawn", "pack_population", "pack_projection", "row_tables"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Packed:
    """Own buffers of one population during a call; states, spike lists and their bounds, and rings for every thread.

    ``log`` and ``counts`` are what plastic synapses may know of each cell: its spikes, at most ``capacity``, and how many.
    """

    shares: Shares
    state: dict[str, list[Tensor]]
    record: dict[str, Tensor]
    cell: list[Tensor]
    bounds: list[Tensor]
    lists: Tensor
    borders: Tensor
    past: Tensor
    past_bounds: Tensor
    rings: dict[str, list[Tensor]]
    lengths: Mapping[str, int]
    padded: int
    capacity: int
    log: Tensor
    counts: Tensor
    emissions: Emissions | None

    def states(self) -> dict[str, Tensor]:
        """States and counters of all cells."""
        return {n: self.shares.whole(parts) for n, parts in self.state.items()}

    def spikes(self) -> Spikes:
        """What fired during the call: views of the lists, so keep copies of what shall last."""
        return Spikes.merged([Spikes(c[: int(k[-1])], k) for c, k in zip(self.cell, self.bounds, strict=True)])


def pack_population(
    p: CircuitPopulation, member: Member, sections: Sections, key: Hashable, team: Team, lengths: Mapping[str, int],
    times: tuple[int, int, int], capacity: int, block: int, slots: int, bins: Sequence[Tensor],
) -> Packed:  # fmt: skip
    """``lengths``: slots of each ring; ``times``: depth of the history, steps and samples of the call; ``capacity``: spikes of
    each cell that its log can hold; ``block``: cells of one; ``slots``: of the ring of its emissions; ``bins``: for each thread room
    for the list of calls that empty the bins of a block."""
    (depth, steps, samples), dtype, fixed = times, sections.dtype, fixed_counters(member)
    width = 64 // dtype.itemsize
    padded = whole_vectors(p.cells, width)

    exact = torch.float64 if p.step.exact else dtype

    def kept(name: str) -> torch.dtype:
        """That of a state, a stream or an emission."""
        return exact if name in p.step.exact else dtype

    def array(t: Tensor, dtype: torch.dtype) -> Tensor:
        """Own, padded copy of one value or one for each cell; the spare lanes repeat the last cell so that they stay finite."""
        out = torch.empty(padded, dtype=dtype)
        if padded == p.cells:
            return out.copy_(t)
        out[: p.cells] = t
        out[p.cells :] = out[p.cells - 1]
        return out

    ranges = team.ranges(padded, block)
    shares, units = Shares(ranges), Shares(ranges, UNIT)
    start = {n: array(p.states[n], kept(n)) for n in (*p.step.states, *p.step.counters)}
    start |= {n: start[n].to(torch.int32) for n in fixed}
    state = {n: shares.split(values) for n, values in start.items()}
    given: dict[str, Any] = {"cells": p.cells, "padded": padded, "block": block or padded}
    own: dict[str, Sequence[Any]] = {"low": [low for low, _ in ranges], "high": [high for _, high in ranges]}
    own["first_block"] = [low // given["block"] for low, _ in ranges]
    own |= {"fired": units.room(torch.int64), "found": units.room(torch.int32), "bins": bins}
    own |= {f"state of {n}": state[n] for n in p.step.states}
    own |= {f"counter of {n}": state[n] for n in p.step.counters}
    for n, coefficient in fixed.items():
        own[f"free of {n}"] = units.room(torch.int64)
        given[f"waiting of {n}"] = int(start[n].max())
        given[f"steps of {n}"] = int(p.coefficients[coefficient])
    varied = set(p.varied)
    alike = [n for n in p.step.coefficients if n not in varied]
    one = torch.tensor([p.coefficients[n].item() for n in alike], dtype=exact).unbind()
    given |= {f"coefficient of {n}": x for n, x in zip(alike, one, strict=True)}
    given |= {f"coefficient of {n}": array(p.coefficients[n].reshape(-1), exact) for n in varied}
    rings = {
        stream: state[p.step.port_of(stream)] if stream in member.direct else shares.room(dtype, length)
        for stream, length in lengths.items()
    }
    own |= {f"ring of {stream}": ring for stream, ring in rings.items()}
    given |= {f"length of {stream}": length for stream, length in lengths.items()}
    for stream, x in p.outside.items():
        given |= _outside(stream, x, p.cells, padded, width, kept(stream))
    record = {n: torch.empty(samples, padded, dtype=kept(p.step.output_of(n))) for n in p.recorded}
    given |= {f"record of {n}": t for n, t in record.items()}
    most = steps if member.fires else 0
    cell = [empty([most * (high - low) + width], torch.int32) for low, high in ranges]
    bounds = [torch.zeros(steps + 1, dtype=torch.int64) for _ in ranges]
    own |= {"spikes": cell, "bounds": bounds}
    past = Spikes.of(p.history if p.emission is None else p.history[:0])
    past_bounds = torch.zeros(depth + 1, dtype=torch.int64)
    past_bounds[depth + 1 - past.bounds.numel() :] = past.bounds
    emissions = None
    if p.emission is not None:
        emissions = Emissions(p.history, p.cells, padded, slots, depth, dtype)
        given |= emissions.given
    drawn = Shares([(low, high + CHUNK if high == padded else high) for low, high in ranges])
    for k, d in enumerate(p.drives):
        names, single = drive_names(k), d.weight.numel() == 1
        weight = torch.zeros(CHUNK if single else padded + CHUNK, dtype=dtype)
        weight[: None if single else p.cells] = d.weight
        limits, strides = limits_of(d.law)
        values = {"weight": weight, "limits": limits, **strides, "latency": d.latency, "per_cell": int(not single)}
        values |= zip(("key0", "key1", "draws"), d.key, strict=True)
        given |= {names[word]: value for word, value in values.items()}
        own[names["drawn"]] = drawn.room(dtype)
    for n, noise_key in p.noises.items():
        names = noise_names(n)
        given |= {names[word]: value for word, value in zip(("key0", "key1", "draws"), noise_key, strict=True)}
        own[names["drawn"]] = drawn.room(dtype)
    sections.fill(key, population_signature(member), given, own)
    return Packed(
        shares, state, record, cell, bounds, _addresses(cell), _addresses(bounds), past.cell, past_bounds, rings,
        lengths, padded, capacity, log=torch.empty(p.cells * capacity, dtype=torch.int32),
        counts=torch.zeros(p.cells if capacity else 0, dtype=torch.int32), emissions=emissions,
    )  # fmt: skip


def _ends(pre: Packed, post: Packed, stream: str) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """What a projection reads of its ends: shared by threads, and of each."""
    shared = {"lists": pre.lists, "borders": pre.borders, "past": pre.past, "past_bounds": pre.past_bounds}
    return {**shared, "length": post.lengths[stream], "padded": post.padded}, {"ring": post.rings[stream]}


def _outside(
    stream: str, x: Tensor, cells: int, padded: int, width: int, dtype: torch.dtype
) -> dict[str, Tensor | int]:
    """A stream that is given for all steps: a row for each step or one for all, a number for each cell or one for all."""
    if x.shape[1] == 1:
        wide, lane = x.to(dtype).expand(-1, width).contiguous(), 0
    else:
        wide, lane = torch.zeros(x.shape[0], padded, dtype=dtype), 1
        wide[:, :cells] = x
    row = wide.shape[1] if x.shape[0] > 1 else 0
    return {f"outside of {stream}": wide, f"row of {stream}": row, f"lane of {stream}": lane}


def _addresses(tensors: Sequence[Tensor]) -> Tensor:
    """One array of addresses, one per thread."""
    return torch.from_numpy(np.array([t.data_ptr() for t in tensors], np.int64))


@dataclass(frozen=True)
class RowTable:
    """Rows of one projection: its own columns of the tables, by thread, and of what is common to all of its sources.

    Both of ``strides`` are numbers from cell to cell: of the tables and of the counts.
    """

    compact: Rows
    tables: list[Place]
    target: Tensor
    counts: Place
    strides: tuple[int, int]


def row_tables(
    projections: Sequence[CircuitProjection], cuts: Sequence[Blocks | None], team: Team, blocks: Mapping[str, int],
    dtype: torch.dtype,
) -> dict[int, RowTable]:  # fmt: skip
    """The rows of every projection that has any; ``cuts`` says which are cut into blocks."""
    out: dict[int, RowTable] = {}
    by_source: dict[str, list[tuple[int, Pattern]]] = {}
    for k, q in enumerate(projections):
        if q.stored is not None:
            by_source.setdefault(q.pre, []).append((k, q.stored))
    for together in by_source.values():
        borders = [
            team.borders(whole_vectors(p.columns, 64 // dtype.itemsize), blocks[projections[k].post])
            for k, p in together
        ]
        rows = joined([rows_of(p) for _, p in together], borders, [cuts[k] for k, _ in together])
        first, strides = 0, (rows.tables[0].stride(0), rows.counts.stride(0))
        for n, (k, pattern) in enumerate(together):
            cut, own = cuts[k], [Place(t, n * t.stride(1) * t.itemsize) for t in rows.tables]
            target = rows_of(pattern).target if cut is None else rows.target
            out[k] = RowTable(rows_of(pattern), own, target, Place(rows.counts, first), strides)
            first += 0 if cut is None else cut.counts.shape[1]
    return out


def weights_of(q: CircuitProjection, dtype: torch.dtype) -> Weights:
    """The weights of a projection in a loop of ``dtype``."""
    return synapses_of(q.weight if isinstance(q.weight, Stored) else q.weight.to(dtype))


def pack_drawn(
    q: CircuitProjection, form: Wire, source: RowSource, sections: Sections, key: Hashable, pre: Packed, post: Packed,
    tuning: Tuning,
) -> None:  # fmt: skip
    """What draws the rows of a projection between ``pre`` and ``post``."""
    given, own = _ends(pre, post, q.stream)
    ranges, longest = post.shares.ranges, longest_of(source)
    most = max(1, tuning.drawn_room // max(1, longest)) if len(ranges) > 1 else 1
    tables = [tables_of(source, 2 * most if len(ranges) > 1 else 1) for _ in ranges]
    names = ("bounds", "target", "pointers", "integers", "floats")
    own |= {n: [t[k] for t in tables] for k, n in enumerate(names)}
    own["row_start"] = [torch.zeros(2 * most + 2, dtype=torch.int64) for _ in ranges]
    own["ahead"] = [torch.zeros(AHEAD, dtype=torch.int64) for _ in ranges]
    own |= {word: [pair[k] for pair in ranges] for k, word in enumerate(("low", "high"))}
    given |= {"all_targets": _addresses(own["target"]), "all_starts": _addresses(own["row_start"])}
    given |= {"degree": torch.from_numpy(source.degree), "weight": weights_of(q, sections.dtype).table}
    given |= {"kernel": kernel_of(source).kernel.address, "each": int(len(source.degree) > 1), "latency": q.latency}
    given |= {"room": most * longest, "most": most}
    sections.fill(key, wire_signature(form), given, own, keep=(tables, pre, post))


def pack_projection(
    q: CircuitProjection, form: Wire, rows: RowTable, sections: Sections, key: Hashable, team: Team, pre: Packed,
    post: Packed, block: int = 0, cut: Blocks | None = None,
) -> None:  # fmt: skip
    """Rows, weights and latencies between ``pre`` and ``post``; with ``cut`` also the bins of the blocks."""
    weights = weights_of(q, sections.dtype)
    each = rows.target.itemsize + (0 if q.one_weight else weights.table.itemsize)
    each += 0 if q.latencies is None else q.latencies.itemsize
    given, own = _ends(pre, post, q.stream)
    given |= {"target": rows.target, **weights.given("weight"), "latency": q.latency}
    given |= {"stride": rows.strides[0], "reach": rows.compact.reach(each)}
    own["rows"] = rows.tables
    if cut is not None:
        bins = Bins(cut, q.one_weight, sections.dtype, team.threads)
        given |= {"counts": rows.counts, "bin_target": bins.target, "bin_weight": bins.weight, "bin_start": bins.start}
        given["blocks"] = rows.strides[1]
        ranges = team.ranges(post.padded, block)
        own["bin_top"] = bins.top
        own["first_block"] = [low // block for low, _ in ranges]
        own["end_block"] = [-(-high // block) if high > low else low // block for low, high in ranges]
    sections.fill(key, wire_signature(form), given, own, keep=(pre, post))
