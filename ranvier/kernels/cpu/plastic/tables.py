"""Arguments of a plastic projection: names and types of its arrays and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import torch
from llvmlite import ir

from ranvier.dynamics.symbols import end_name
from ranvier.kernels.cpu.host.signature import REAL, Array, Reader, Signature
from ranvier.kernels.cpu.llvm.functions import F64, I32, I64
from ranvier.kernels.tasks import Decay, RowRule

__all__ = [
    "LONGEST",
    "POST",
    "SLOTS",
    "PlasticTables",
    "arrays_of",
    "block_of",
    "cells_of",
    "elapsed",
    "plastic_signature",
    "powers",
]

#: rows, presynaptic cells (a row per cell and latency), latencies, steps known from before the call, cells and lanes of
#: the postsynaptic population, steps of a block, blocks that are kept, and steps after which all rows are caught up
_NUMBERS = ("rows", "cells", "latencies", "known", "padded", "block", "slots", "sweep")
#: spikes of the postsynaptic cells in this call and before it, and for each cell a log of at most ``capacity`` of them
POST = {"log": Array(I32, None), "counts": Array(I32, None)}
POST |= {
    f"post_{n}": Array(kind, None)
    for n, kind in (("spikes", I32), ("bounds", I64), ("past", I32), ("past_bounds", I64))
}
#: the presynaptic spikes of this call (where they are ``inside`` of the circuit), and the ring of ``length`` slots to which arrivals are added
_ENDS = {
    "clock": Array(I64, None),
    "pre_spikes": Array(I32, None),
    "pre_bounds": Array(I64, None),
    "ring": Array(REAL, ...),
}
#: blocks of sums that are kept, and how far a variable may decay within one
_BLOCKS, _FALL = 16, 2.0
#: steps after which all rows are caught up at the latest
LONGEST = 1 << 12
#: places for blocks: one more than are kept, as the present one is begun before the oldest is done with
SLOTS = _BLOCKS + 1


def arrays_of(rule: RowRule) -> dict[str, ir.Type | None]:
    """Arrays by name, None for the kernel's own type.

    ``row_pointer``, ``target`` and ``last`` (the step at which a row was read last) are those of rows; ``:n`` is variable
    n per synapse, row or column; ``factor:n`` and ``shift:n`` move it by elapsed steps; ``=n`` is a parameter and ``@n``
    has one number for each step of the call, and one for the step after it. Of a variable n that synapses share, ``:n``
    has the value of each member and ``+n`` the sum that was added in this step, in float64; ``#k`` is the member of each synapse in domain k.
    """
    exact = F64 if rule.exact else None
    names: dict[str, ir.Type | None] = {"row_pointer": I64, "target": I32, "last": I32, ":w": None}
    names |= {f":{n}": F64 if n in rule.times else None for n in rule.moving}
    if rule.walks:
        names["cursor"] = I32
    if not rule.eager:
        names |= {f"factor:{n}": exact for n in rule.moving}
        names |= {f"shift:{n}": exact for n in rule.shifted}
    elif rule.on_post is not None:
        names["fired"] = None
    if rule.additive is not None:
        names |= {"sums": None, "powers": None}
    names |= {f"={n}": exact for n in rule.parameters}
    names |= {f"@{n}": F64 for n in rule.clock}
    names |= {f":{n}": None for n in rule.domain_of} | {f"+{n}": F64 for n in rule.domain_of}
    names |= {f"#{k}": I32 for k in range(len(rule.shared))}
    if rule.random:
        names |= {"number": I32, "key": I64}
    return names | {"latency": I64, "spikes": I32, "bounds": I64}


@lru_cache(maxsize=256)
def plastic_signature(rule: RowRule) -> Signature:
    """The arguments of a projection with such a rule."""
    kinds = arrays_of(rule).items()
    numbers = (*_NUMBERS, *(f"members:{k}" for k in range(len(rule.shared))), "inside", "length", "capacity")
    cells = {n: Array(F64 if rule.holds_time(end, own) else REAL, ...) for n, (end, own) in cells_of(rule).items()}
    arrays = {n: Array(REAL if kind is None else kind, None) for n, kind in kinds}
    return Signature({**arrays, **_ENDS, **POST, **cells}, numbers)


def cells_of(rule: RowRule) -> dict[str, tuple[str, str]]:
    """Arrays of the variables of cells that the rule reads: ``~n`` where its code says n, with their end and name there."""
    return {f"~{end_name(n, end)}": (end, n) for end, n in rule.cells}


class PlasticTables:
    """The arrays and numbers of one projection, loaded where the builder stands."""

    def __init__(self, section: Reader) -> None:
        self.array = {n: section[n] for n in section.signature.arrays}
        self.number = {n: section[n] for n in section.signature.integers}


def block_of(rule: RowRule, decays: Mapping[str, Decay], steps: int) -> tuple[int, int, int]:
    """Steps of a block of sums, blocks that are kept, and steps after which all rows are caught up."""
    if rule.additive is None:
        return 1, 1, LONGEST if rule.walks else steps + 1
    factor = decays[rule.additive.variable].factor
    block = LONGEST if factor == 1 else int(min(max(-_FALL / np.log(factor), 1), LONGEST))
    return block, SLOTS, block * _BLOCKS


def elapsed(decay: Decay, count: int) -> torch.Tensor:
    """The change of a variable over 0, 1, … count - 1 steps: factors and shifts [2, count]."""
    steps = torch.arange(count, dtype=torch.float64)
    factors = torch.pow(torch.tensor(decay.factor, dtype=torch.float64), steps)
    whole = steps if decay.factor == 1 else (1 - factors) / (1 - decay.factor)
    return torch.stack([factors, decay.shift * whole])


def powers(factor: float, block: int, count: int) -> torch.Tensor:
    """factor to the power -block, -block + 1, …: earlier and later values of a variable."""
    steps = torch.arange(-block, count, dtype=torch.float64)
    return torch.pow(torch.tensor(factor, dtype=torch.float64), steps)
