"""Packing the projections of a circuit: rows, weights and latencies, and what each thread has of its own."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from ranvier.kernels.cpu.circuit._drawn_together import AHEAD
from ranvier.kernels.cpu.circuit.arguments import wire_signature
from ranvier.kernels.cpu.circuit.blocks import Bins
from ranvier.kernels.cpu.circuit.rows import Blocks, Rows, joined, rows_of
from ranvier.kernels.cpu.circuit.team import whole_vectors
from ranvier.kernels.cpu.draw.row_source import kernel_of, longest_of, tables_of
from ranvier.kernels.cpu.host.checked import Place
from ranvier.kernels.cpu.host.weights import Weights, synapses_of
from ranvier.storages import Stored

if TYPE_CHECKING:
    from ranvier.kernels.cpu.circuit.form import Wire
    from ranvier.kernels.cpu.circuit.packed import Packed
    from ranvier.kernels.cpu.circuit.team import Team
    from ranvier.kernels.cpu.host.sections import Sections
    from ranvier.kernels.cpu.host.tuning import Tuning
    from ranvier.kernels.tasks import CircuitProjection, Pattern, RowSource

__all__ = [
    "RowTable",
    "addresses_of",
    "ends_of",
    "pack_drawn",
    "pack_projection",
    "past_of",
    "row_tables",
    "weights_of",
]

Tensor = torch.Tensor


def past_of(pre: Packed) -> dict[str, Tensor]:
    """What ``pre`` fired before the call, as its projections read it."""
    return {"past": pre.past, "past_bounds": pre.past_bounds}


def ends_of(pre: Packed, post: Packed, stream: str) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """What a projection reads of its ends: shared by threads, and of each."""
    shared = {"lists": pre.lists, "borders": pre.borders, **past_of(pre)}
    return {**shared, "length": post.lengths[stream], "padded": post.padded}, {"ring": post.rings[stream]}


@dataclass(frozen=True)
class RowTable:
    """Rows of one projection: its own columns of the tables, by thread, and of what is common to all of its sources.

    ``target`` holds those of rows that are cut into blocks. Both of ``strides`` are numbers from cell to cell: of the tables and of the counts.
    """

    compact: Rows
    tables: list[Place]
    target: Tensor | None
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
            target = None if cut is None else rows.target
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
    given, own = ends_of(pre, post, q.stream)
    ranges, longest = post.shares.ranges, longest_of(source)
    most = max(1, tuning.drawn_room // max(1, longest)) if len(ranges) > 1 else 1
    tables = [tables_of(source, 2 * most if len(ranges) > 1 else 1) for _ in ranges]
    names = ("bounds", "target", "pointers", "integers", "floats")
    own |= {n: [t[k] for t in tables] for k, n in enumerate(names)}
    own["row_start"] = [torch.zeros(2 * most + 2, dtype=torch.int64) for _ in ranges]
    own["ahead"] = [torch.zeros(AHEAD, dtype=torch.int64) for _ in ranges]
    own |= post.shares.edges
    given |= {"all_targets": addresses_of(own["target"]), "all_starts": addresses_of(own["row_start"])}
    given |= {"degree": torch.from_numpy(source.degree), "weight": weights_of(q, sections.dtype).table}
    given |= {"kernel": kernel_of(source).kernel.address, "each": int(len(source.degree) > 1), "latency": q.latency}
    given |= {"room": most * longest, "most": most}
    sections.fill(key, wire_signature(form), given, own, keep=tables)


def addresses_of(tensors: Sequence[Tensor]) -> Tensor:
    """One array of addresses."""
    return torch.tensor([t.data_ptr() for t in tensors], dtype=torch.int64)


def pack_projection(
    q: CircuitProjection, form: Wire, rows: RowTable, sections: Sections, key: Hashable, pre: Packed, post: Packed,
    block: int = 0, cut: Blocks | None = None,
) -> None:  # fmt: skip
    """Rows, weights and latencies between ``pre`` and ``post``; with ``cut`` also the bins of the blocks."""
    weights = weights_of(q, sections.dtype)
    target = rows.compact.target if rows.target is None else rows.target
    each = target.itemsize + (0 if q.one_weight else weights.table.itemsize)
    each += 0 if q.latencies is None else q.latencies.itemsize
    given, own = ends_of(pre, post, q.stream)
    given |= {"target": target, **weights.given("weight"), "latency": q.latency}
    given |= {"stride": rows.strides[0], "reach": rows.compact.reach(each)}
    own["rows"] = rows.tables
    if form.several:
        given |= {"pre_apart": pre.apart, "post_apart": post.apart}
    if cut is not None:
        ranges = post.shares.ranges
        bins = Bins(cut, q.one_weight, sections.dtype, len(ranges))
        given |= {"counts": rows.counts, "bin_target": bins.target, "bin_weight": bins.weight, "bin_start": bins.start}
        given["blocks"] = rows.strides[1]
        own["bin_top"] = bins.top
        own["first_block"] = [low // block for low, _ in ranges]
        own["end_block"] = [-(-high // block) if high > low else low // block for low, high in ranges]
    sections.fill(key, wire_signature(form), given, own)
