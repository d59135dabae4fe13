"""Vectors of whole numbers beside the float lanes: loads, masked stores and masked gathers."""

from __future__ import annotations

from llvmlite import ir

from ranvier.kernels.cpu.llvm.functions import I32, at
from ranvier.kernels.cpu.llvm.lanes import Lanes
from ranvier.kernels.cpu.llvm.memory import gathered, masked_store

__all__ = ["IntLanes"]


class IntLanes:
    """As many 32-bit numbers as ``lanes`` has floats."""

    def __init__(self, lanes: Lanes) -> None:
        self.lanes, self.vector = lanes, ir.VectorType(I32, lanes.width)

    def load(self, pointer: ir.Value, index: ir.Value) -> ir.Value:
        """The numbers at ``pointer[index : index + width]``."""
        b = self.lanes.builder
        return b.load(b.bitcast(at(b, pointer, index), self.vector.as_pointer()), align=4)

    def store(self, pointer: ir.Value, index: ir.Value, value: ir.Value, mask: ir.Value) -> None:
        """Write the lanes of the mask to ``pointer[index : index + width]``."""
        b = self.lanes.builder
        masked_store(b, value, b.bitcast(at(b, pointer, index), self.vector.as_pointer()), mask)

    def gather(self, base: ir.Value, index: ir.Value, mask: ir.Value) -> ir.Value:
        """Elements (i32 or float) named by a vector of i32, for the lanes of the mask; 0 elsewhere."""
        return gathered(self.lanes.builder, base, index, mask)
