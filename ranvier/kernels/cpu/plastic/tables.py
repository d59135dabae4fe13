"""Arguments of a plastic projection: names and types of its arrays and numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
import torch
from llvmlite import ir

from ranvier.dynamics.symbols import end_name
from ranvier.kernels.cpu.host.signature import REAL, Array, Reader, Signature
from ranvier.kernels.cpu.llvm.functions import F64, I32, I64, at
from ranvier.kernels.tasks import Decay, RowRule

__all__ = [
    "LONGEST",
    "PART",
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
#: the postsynaptic population, steps of a block, blocks that are kept, and steps after which all rows are caught up; the
#: thread's postsynaptic cells [low, high), and how far the variables of presynaptic cells that an odd step reads lie behind
#: those of an even one
_NUMBERS = ("rows", "cells", "latencies", "known", "padded", "block", "slots", "sweep", "low", "high", "told")
#: of each domain: its members, parts of its sums, those that the thread clears, and sums from part to part
_DOMAIN = ("members", "parts", "first_part", "end_part", "part")
#: spikes of the postsynaptic cells in this call and before it, and for each cell a log of at most ``capacity`` of them
POST = {"log": Array(I32, None), "counts": Array(I32, None)}
POST |= {
    f"post_{n}": Array(kind, None)
    for n, kind in (("spikes", I32), ("bounds", I64), ("past", I32), ("past_bounds", I64))
}
#: the presynaptic spikes of this call by thread (where they are ``inside`` of the circuit), and the ring of ``length`` slots to
#: which arrivals are added
_ENDS = {"flags": Array(I64, None), "lists": Array(I64, None), "borders": Array(I64, None), "ring": Array(REAL, ...)}
#: blocks of sums that are kept, and how far a variable may decay within one
_BLOCKS, _FALL = 16, 2.0
#: steps after which all rows are caught up at the latest
LONGEST = 1 << 12
#: postsynaptic cells whose synapses make a part of a sum; threads share cells in such units
PART = 64
#: places for blocks: one more than are kept, as the present one is begun before the oldest is done with
SLOTS = _BLOCKS + 1


def arrays_of(rule: RowRule) -> dict[str, ir.Type | None]:
    """Arrays by name, None for the kernel's own type.

    ``row_pointer``, ``target`` and ``last`` (the step at which a row was read last) are those of rows; ``:n`` is variable
    n per synapse, row or column; ``factor:n`` and ``shift:n`` move it by elapsed steps; ``=n`` is a parameter and ``@n``
    has one number for each step of the call, and one for the step after it. Of a variable n that synapses share, ``:n``
    has the value of each member and ``+n`` the sums that were added in an even step and in an odd one, in float64: in parts, each of
    which is that of ``PART`` postsynaptic cells, or in one; ``#k`` is the member of each synapse in domain k.
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
    numbers = (
        *_NUMBERS,
        *(f"{n}:{k}" for k in range(len(rule.shared)) for n in _DOMAIN),
        "inside",
        "length",
        "capacity",
    )
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
        self._b = section.builder

    def told(self, now: ir.Value) -> Callable[[str, str], ir.Value]:
        """Where the variable of cells ``name`` at one end begins, as it is when step ``now`` begins."""
        b = self._b
        behind = b.mul(b.and_(now, I64(1)), self.number["told"])
        return lambda name, end: at(b, self.array[name], behind) if end == "pre" else self.array[name]

    def sums(self, name: str, domain: int, now: ir.Value) -> ir.Value:
        """Where those of step ``now`` of a shared variable begin."""
        b = self._b
        size = b.mul(self.number[f"parts:{domain}"], self.number[f"members:{domain}"])
        return at(b, self.array[f"+{name}"], b.mul(b.and_(now, I64(1)), size))


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
