"""Variables of cells as a step begins, for the threads that did not advance them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

import torch
from llvmlite import ir

from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.sections import Entry, OpenKind
from ranvier.kernels.cpu.host.signature import Array, Signature
from ranvier.kernels.cpu.llvm.functions import I64, at, counted

if TYPE_CHECKING:
    from ranvier.kernels.cpu.host.sections import Sections

__all__ = ["pack_told"]

Tensor = torch.Tensor


def pack_told(
    states: Sequence[Tensor], edges: Mapping[str, Sequence[int]], sections: Sections, key: Hashable
) -> tuple[Tensor, Entry]:
    """Room [2, cells] for a variable, even steps and odd ones, of which each thread has ``states`` between its ``edges``; the call
    that fills it when a step begins."""
    told = torch.empty(2, states[0].numel(), dtype=states[0].dtype)
    bits = 8 * told.itemsize
    whole = torch.int64 if bits == 64 else torch.int32
    each: dict[str, Sequence] = {**edges, "state": [t.view(whole) for t in states]}
    sections.fill(key, _signature(bits), {"told": told.view(whole), "cells": states[0].numel()}, each)
    return told, Entry(_kernel(bits), key)


@cache
def _signature(bits: int) -> Signature:
    kind = ir.IntType(bits)
    return Signature({"state": Array(kind, None), "told": Array(kind, None, None)}, ("cells", "low", "high"))


@cache
def _kernel(bits: int) -> Routine:
    """Copies the state of the thread's cells to the row of the step."""
    f = OpenKind("tell_state", _signature(bits))
    b = f.builder
    row = b.and_(f.clock["n"], I64(1))
    with f.sections() as s:
        state, told = s["state"], at(b, s["told"], b.mul(row, s["cells"]))
        with counted(b, s["low"], s["high"]) as k:
            b.store(b.load(at(b, state, k)), at(b, told, k))
    return f.compile()
