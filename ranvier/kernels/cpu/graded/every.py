"""Every source reaches every target: a row is one source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from llvmlite import ir

from ranvier.kernels.cpu.graded.reach import Layout, Reach, Row
from ranvier.kernels.cpu.host.signature import Array
from ranvier.kernels.cpu.llvm.functions import at
from ranvier.kernels.cpu.llvm.lanes import Lanes
from ranvier.kernels.tasks import Pattern

__all__ = ["Every"]


@dataclass(frozen=True)
class Every(Reach):
    """Row k of a vector has source k in all lanes; lanes behind the last target carry weights of 0 to spare cells."""

    arrays: ClassVar[Mapping[str, Array]] = {}

    def lay_out(self, pattern: Pattern, width: int, ranges: Sequence[tuple[int, int]]) -> Layout:
        """Of a full pattern."""
        vectors = -(-pattern.columns // width)
        source, target = pattern.source, pattern.target.long()
        place = (target // width * pattern.rows + source) * width + target % width
        return Layout(torch.arange(vectors + 1) * pattern.rows, place, {})

    def row(self, lanes: Lanes, values: Mapping[str, ir.Value], vector: ir.Value, k: ir.Value) -> Row:
        """One number for all lanes."""
        b = lanes.builder
        source = b.sub(k, b.load(at(b, values["start"], vector)))
        return Row(lambda pointer: lanes.broadcast(pointer, source), None)
