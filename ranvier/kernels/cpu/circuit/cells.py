"""The kernel of a population: a step of its cells, block by block where arrivals wait in bins.

A counter (steps of refractoriness left) is kept as the step at which it ends, which changes only when a cell fires; mostly
the loop over cells needs no more of it than a bit (:mod:`.fired`).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import torch

from ranvier.kernels.cpu.circuit._advance import advance
from ranvier.kernels.cpu.circuit._drive import drive, noise
from ranvier.kernels.cpu.circuit.arguments import population_signature, population_values
from ranvier.kernels.cpu.circuit.fired import release
from ranvier.kernels.cpu.circuit.form import Member
from ranvier.kernels.cpu.host.operands import scalar
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.sections import TABLES, OpenKind, Section, walk
from ranvier.kernels.cpu.llvm.functions import I64, at, counted, when
from ranvier.kernels.cpu.llvm.inner import Inner
from ranvier.kernels.cpu.llvm.lanes import Lanes
from ranvier.kernels.cpu.llvm.processor import has_feature

__all__ = ["cells_kernel"]


@lru_cache(maxsize=256)
def cells_kernel(member: Member, dtype: torch.dtype) -> Routine:
    """Advances this thread's cells of such populations by the clock's step."""
    f = OpenKind("advance_cells", population_signature(member), dtype)
    b, clock = f.builder, f.clock
    lanes = Lanes(b, str(dtype).removeprefix("torch."), wide=has_feature("avx512f"))
    time = {"n": clock["n"], "first": clock["first"], "every": clock["every"], "depth": clock["depth"]}
    inner = _advance(f, member, time, dtype)
    with f.sections() as section:
        group, n = population_values(member, section), time["n"]
        b.store(b.load(at(b, group["bounds"], n)), at(b, group["bounds"], b.add(n, I64(1))))
        for name, steps in group["steps"].items():
            release(lanes, group, name, steps, n)
        clock.set("block", group["first_block"])
        bins, block, stop = section["bins"], group["block"], group["high"]
        start = b.mul(group["first_block"], block)
        with counted(b, start, stop, block) as begin:
            low = b.select(b.icmp_signed(">", begin, group["low"]), begin, group["low"])
            high = b.add(begin, block)
            high = b.select(b.icmp_signed("<", high, stop), high, stop)
            with when(b, b.icmp_signed(">", b.load(bins), I64(0))):
                clock.set("low", low)
                walk(b, bins)
                clock.set("block", b.add(clock["block"], I64(1)))
            inner.call(b, {**section.tables, **time, "low": low, "high": high})
    return f.compile()


def _advance(kernel: OpenKind, member: Member, time: Iterable[str], dtype: torch.dtype) -> Inner:
    """Advances the cells [low, high) by a step: a function inside the kernel, whose loop has all registers to itself."""
    f = Inner(kernel.function.module, "advance", {**TABLES, **dict.fromkeys((*time, "low", "high"), I64)})
    lanes = Lanes(f.builder, str(dtype).removeprefix("torch."), wide=has_feature("avx512f"))
    group = population_values(member, Section.inside(f, kernel.signature, scalar(dtype)))
    n, first, every, depth, low, high = (f[name] for name in ("n", "first", "every", "depth", "low", "high"))
    step = f.builder.add(first, n)
    for (_, each), values in zip(member.drives, group["drives"], strict=True):
        drive(lanes, values, each, low, high, n, step)
    for values in group["noises"].values():
        noise(lanes, values, low, high, step)
    advance(lanes, member, group, (low, high), n, first, every, depth)
    f.close()
    return f
