"""Packing a plastic projection for the circuit: what threads share, and what each has of its own."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from ranvier.kernels.cpu.llvm.functions import I32
from ranvier.kernels.cpu.plastic.log import LOG
from ranvier.kernels.cpu.plastic.shares import SynapseShares, followed_by_zeros, parts_of, shares_of
from ranvier.kernels.cpu.plastic.tables import PART, arrays_of, block_of, cells_of, elapsed, plastic_signature, powers
from ranvier.kernels.tasks import PlasticProjection, Spikes

if TYPE_CHECKING:
    from ranvier.kernels.cpu.circuit.packed import Packed
    from ranvier.kernels.cpu.host.sections import Sections

__all__ = ["PlasticValues", "pack_log", "pack_plastic", "sums_meet", "unchanged"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class PlasticValues:
    """The weight and the variables of a projection in the arrays of the threads, each of which has cells of ``ranges``."""

    q: PlasticProjection
    shares: SynapseShares
    ranges: Sequence[tuple[int, int]]
    parts: Mapping[str, list[Tensor]]

    def whole(self) -> dict[str, Tensor]:
        """Those of all synapses, rows, columns and members."""
        return {n: self._joined(n, parts)[: self.q.values[n].numel()] for n, parts in self.parts.items()}

    def _joined(self, name: str, parts: list[Tensor]) -> Tensor:
        rule = self.q.rule
        if len(parts) == 1:
            return parts[0]
        if name in rule.row:
            return self.shares.rows(parts)
        if name in rule.column:
            return torch.cat([t[low:high] for t, (low, high) in zip(parts, self.ranges, strict=True)])
        if name in rule.domain_of:
            return self._of_members(rule.domain_of[name], parts)
        return self.shares.whole(parts)

    def _of_members(self, domain: int, parts: list[Tensor]) -> Tensor:
        """Each from the thread whose synapses it has; where a sum has parts, all threads know all."""
        if parts_of(parts[0].numel(), self.q.pattern.columns) > 1:
            return parts[0]
        out = parts[0].clone()
        for k, member in enumerate(self.shares.split(self.q.members[domain], 0)):
            out[member] = parts[k][member]
        return out


def pack_plastic(
    q: PlasticProjection, sections: Sections, key: Hashable, packed: Mapping[str, Packed], steps: int, width: int,
    told: Mapping[tuple[str, str], Tensor],
) -> PlasticValues:  # fmt: skip
    """Fill the section of a projection; ``told`` are the variables of cells that threads tell each other."""
    pattern, rule, dtype = q.pattern, q.rule, sections.dtype
    ends = {"post": packed[q.post]} if q.pre is None else {"post": packed[q.post], "pre": packed[q.pre]}
    post, pre = ends["post"], ends.get("pre", ends["post"])
    ranges = post.shares.ranges
    shares = shares_of(pattern, tuple(low for low, _ in ranges[1:]))
    padded = -(-pattern.columns // width) * width
    block, slots, sweep = block_of(rule, q.decays, steps)

    def spared(t: Tensor, kind: torch.dtype) -> Tensor:
        """A copy with a vector to spare, since the last vector of a row may read into the next."""
        return followed_by_zeros(t.to(kind), 2 * width)

    def split(t: Tensor, kind: torch.dtype) -> list[Tensor]:
        """The synapses of each thread, with as much to spare."""
        return shares.split(t.to(kind), 2 * width)

    def zeros(count: int, kind: torch.dtype) -> list[Tensor]:
        return [torch.zeros(count, dtype=kind) for _ in ranges]

    arithmetic = torch.float64 if rule.exact else dtype
    single = {"w", *rule.variables}
    values: dict[str, list[Tensor]] = {}
    for n in ("w", *rule.moving, *rule.domain_of):
        kind = torch.float64 if n in rule.times else dtype
        values[n] = split(q.values[n], kind) if n in single else [spared(q.values[n], kind) for _ in ranges]
    moves = {n: elapsed(d, min(steps, sweep) + 2).to(arithmetic) for n, d in q.decays.items()}
    past, bounds = torch.zeros(0, dtype=torch.int32), torch.zeros(1, dtype=torch.int64)
    if q.outside is not None:
        past, bounds = q.outside.cell, q.outside.bounds
    elif q.pre is not None:
        past, bounds = pre.past, pre.past_bounds
    known = max(q.latencies, default=0) if q.outside is not None else bounds.numel() - 1
    kinds = arrays_of(rule)
    common: dict[str, Any] = {"spikes": past, "bounds": bounds}
    common |= {f"factor:{n}": t[0] for n, t in moves.items()} | {f"shift:{n}": t[1] for n, t in moves.items()}
    common |= {"latency": torch.tensor(q.latencies, dtype=torch.int64), "key": torch.tensor(q.key, dtype=torch.int64)}
    common |= {f"@{n}": q.clock[n].to(torch.float64) for n in rule.clock}
    each: dict[str, Sequence[Any]] = {"row_pointer": shares.row_pointers, "target": split(pattern.target, torch.int32)}
    each |= {f":{n}": parts for n, parts in values.items()}
    each |= {f"#{k}": split(member, torch.int32) for k, member in enumerate(q.members)}
    for n in rule.parameters:
        if n in rule.varied:
            each[f"={n}"] = split(q.parameters[n], arithmetic)
        else:
            common[f"={n}"] = q.parameters[n].to(arithmetic).reshape(1)
    if rule.random:
        places = q.elements if q.places is None else q.places
        places = torch.arange(pattern.synapses) if places is None else places
        each["number"] = split(places + q.drawn, torch.int32)
    if rule.additive is not None:
        factor = q.decays[rule.additive.variable].factor
        common["powers"] = powers(factor, block, sweep + block + 1).to(dtype)
        each["sums"] = zeros(slots * padded + width, dtype)
    sizes = {"last": pattern.rows, "fired": padded + width}
    sizes |= {"cursor": max(int(p[-1]) for p in shares.row_pointers) + width}
    for n in sizes.keys() & kinds.keys():
        each[n] = zeros(sizes[n], torch.int32 if kinds[n] == I32 else dtype)
    numbers, own = _sums(q, ranges, width)
    common |= numbers
    each |= own
    common |= {
        "rows": pattern.rows, "cells": pattern.rows // max(len(q.latencies), 1), "latencies": len(q.latencies), "known": known,
        "padded": padded, "block": block, "slots": slots, "sweep": sweep, "inside": int(q.pre is not None),
        "lists": pre.lists, "borders": pre.borders, "length": post.lengths[q.stream], "capacity": post.capacity,
        "told": pre.padded if told else 0,
    }  # fmt: skip
    each |= {"ring": post.rings[q.stream], **post.shares.edges}
    for name, (end, n) in cells_of(rule).items():
        if end == "pre" and told:
            common[name] = told[q.pre or "", n]
        else:
            each[name] = ends[end].state[n]
    shared, own = _post_spikes(post)
    kept = {**common, **shared}
    signature = plastic_signature(rule)
    wanted: Callable[[str], bool] = signature.places.__contains__
    sections.fill(
        key, signature, {n: t for n, t in kept.items() if wanted(n)},
        {n: t for n, t in (each | own).items() if wanted(n)}, keep=(packed, told),
    )  # fmt: skip
    return PlasticValues(q, shares, ranges, values)


def unchanged(q: PlasticProjection) -> PlasticValues:
    """The weights of synapses of which nothing changes."""
    return PlasticValues(q, shares_of(q.pattern, ()), (), {"w": [q.values["w"].clone()]})


def sums_meet(q: PlasticProjection) -> bool:
    """Whether threads add to one sum of synapses."""
    return any(
        parts_of(q.values[shared.variables[0]].numel(), q.pattern.columns) > 1 for shared in q.rule.shared
    )  # fmt: skip


def _sums(
    q: PlasticProjection, ranges: Sequence[tuple[int, int]], width: int
) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Sums of what synapses add to shared variables, for even steps and for odd ones: their parts, and who clears which."""
    common: dict[str, Any] = {}
    each: dict[str, list[Any]] = {}
    for k, shared in enumerate(q.rule.shared):
        members = q.values[shared.variables[0]].numel()
        parts = parts_of(members, q.pattern.columns)
        several = parts > 1
        common |= {f"members:{k}": members, f"parts:{k}": parts, f"part:{k}": members if several else 0}
        each[f"first_part:{k}"] = [min(low // PART, parts) if several else 0 for low, _ in ranges]
        each[f"end_part:{k}"] = [min(-(-high // PART), parts) if several else 1 for _, high in ranges]
        for n in shared.variables:
            room = [
                torch.zeros(2 * parts * members + width, dtype=torch.float64) for _ in ranges[: 1 if several else None]
            ]
            each[f"+{n}"] = room * len(ranges) if several else room
    return common, each


def pack_log(post: Packed, sections: Sections, key: Hashable) -> None:
    """Fill the section of the log of a population."""
    common, each = _post_spikes(post)
    cells = post.counts.numel()
    each |= {word: [min(edge, cells) for edge in own] for word, own in post.shares.edges.items()}
    sections.fill(key, LOG, {**common, "capacity": post.capacity}, each)


def _post_spikes(post: Packed) -> tuple[dict[str, Any], dict[str, list[Tensor]]]:
    """The spikes of a population: of this call and of before it those of the thread's own cells."""
    past = [Spikes(post.past, post.past_bounds)]
    if len(post.shares.ranges) > 1:
        past = [past[0].within(low, high) for low, high in post.shares.ranges]
    each = {"post_spikes": post.cell, "post_bounds": post.bounds}
    each |= {"post_past": [p.cell for p in past], "post_past_bounds": [p.bounds for p in past]}
    return {"log": post.log, "counts": post.counts}, each
