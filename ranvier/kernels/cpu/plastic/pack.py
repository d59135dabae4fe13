"""Packing a plastic projection for the circuit."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING

import torch

from ranvier.kernels.cpu.llvm.functions import I32
from ranvier.kernels.cpu.plastic.log import LOG
from ranvier.kernels.cpu.plastic.tables import arrays_of, block_of, cells_of, elapsed, plastic_signature, powers
from ranvier.kernels.tasks import PlasticProjection

if TYPE_CHECKING:
    from ranvier.kernels.cpu.circuit.pack import Packed
    from ranvier.kernels.cpu.host.sections import Sections

__all__ = ["pack_log", "pack_plastic"]

Tensor = torch.Tensor


def pack_plastic(
    q: PlasticProjection, sections: Sections, key: Hashable, packed: Mapping[str, Packed], steps: int, width: int
) -> dict[str, Tensor]:
    """Fill the section of a projection; returns the arrays of the weight and the variables after the run."""
    pattern, rule, dtype = q.pattern, q.rule, sections.dtype
    synapses, rows = pattern.synapses, pattern.rows
    padded = -(-pattern.columns // width) * width
    block, slots, sweep = block_of(rule, q.decays, steps)

    def own(t: Tensor, kind: torch.dtype) -> Tensor:
        """A copy with a vector to spare, since the last vector of a row may read into the next."""
        out = torch.zeros(t.numel() + 2 * width, dtype=kind)
        out[: t.numel()] = t
        return out

    arithmetic = torch.float64 if rule.exact else dtype
    values = {
        n: own(q.values[n], torch.float64 if n in rule.times else dtype) for n in ("w", *rule.moving, *rule.domain_of)
    }
    moves = {n: elapsed(d, min(steps, sweep) + 2).to(arithmetic) for n, d in q.decays.items()}
    past, bounds = torch.zeros(0, dtype=torch.int32), torch.zeros(1, dtype=torch.int64)
    ends = {"post": packed[q.post]} if q.pre is None else {"post": packed[q.post], "pre": packed[q.pre]}
    post, pre = ends["post"], ends.get("pre", ends["post"])
    if q.outside is not None:
        past, bounds = q.outside.cell, q.outside.bounds
    elif q.pre is not None:
        past, bounds = pre.past, pre.past_bounds
    known = max(q.latencies, default=0) if q.outside is not None else bounds.numel() - 1
    arrays = {
        "row_pointer": pattern.row_pointer,
        "target": own(pattern.target, torch.int32),
        "spikes": past,
        "bounds": bounds,
    }
    arrays |= {f":{n}": t for n, t in values.items()}
    arrays |= {f"factor:{n}": t[0] for n, t in moves.items()} | {f"shift:{n}": t[1] for n, t in moves.items()}
    arrays |= {"latency": torch.tensor(q.latencies, dtype=torch.int64), "key": torch.tensor(q.key, dtype=torch.int64)}
    for n in rule.parameters:
        x = q.parameters[n]
        arrays[f"={n}"] = own(x, arithmetic) if n in rule.varied else x.to(arithmetic).reshape(1)
    arrays |= {f"@{n}": q.clock[n].to(torch.float64) for n in rule.clock}
    arrays |= {f"+{n}": torch.zeros_like(values[n], dtype=torch.float64) for n in rule.domain_of}
    arrays |= {f"#{k}": own(member, torch.int32) for k, member in enumerate(q.members)}
    if rule.random:
        arrays["number"] = own((torch.arange(synapses) if q.elements is None else q.elements) + q.drawn, torch.int32)
    if rule.additive is not None:
        factor = q.decays[rule.additive.variable].factor
        arrays |= {
            "powers": powers(factor, block, sweep + block + 1).to(dtype),
            "sums": torch.zeros(slots * padded + width, dtype=dtype),
        }
    lengths = {"last": rows, "cursor": synapses + width, "fired": padded + width}
    kinds = arrays_of(rule)
    for name in lengths.keys() & kinds.keys():
        arrays[name] = torch.zeros(lengths[name], dtype=torch.int32 if kinds[name] == I32 else dtype)
    numbers = {
        "rows": rows, "cells": rows // max(len(q.latencies), 1), "latencies": len(q.latencies), "known": known,
        "padded": padded, "block": block, "slots": slots, "sweep": sweep,
    }  # fmt: skip
    numbers |= {f"members:{k}": q.values[n].numel() for n, k in rule.domain_of.items()}
    given = {**{n: arrays[n] for n in kinds}, **numbers, **_post_spikes(post), "ring": post.rings[q.stream][0]}
    given |= {"pre_spikes": pre.cell[0], "pre_bounds": pre.bounds[0], "inside": int(q.pre is not None)}
    given |= {"length": post.lengths[q.stream], "capacity": post.capacity}
    given |= {name: ends[end].state[n][0] for name, (end, n) in cells_of(rule).items()}
    sections.fill(key, plastic_signature(rule), given, keep=packed)
    return {n: t[: q.values[n].numel()] for n, t in values.items()}


def pack_log(post: Packed, cells: int, sections: Sections, key: Hashable) -> None:
    """Fill the section of the log of a population."""
    sections.fill(key, LOG, {**_post_spikes(post), "cells": cells, "capacity": post.capacity})


def _post_spikes(post: Packed) -> dict[str, Tensor]:
    """The spikes of a population, of which there is one thread."""
    given = {"log": post.log, "counts": post.counts, "post_spikes": post.cell[0], "post_bounds": post.bounds[0]}
    return given | {"post_past": post.past, "post_past_bounds": post.past_bounds}
