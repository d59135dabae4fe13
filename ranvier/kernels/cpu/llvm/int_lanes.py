"""Vectors of whole numbers beside the float lanes: loads, masked stores and masked gathers."""

from __future__ import annotations

from llvmlite import ir

from ranvier.kernels.cpu.llvm.functions import I32, at, splat
from ranvier.kernels.cpu.llvm.lanes import Lanes

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
        place = b.bitcast(at(b, pointer, index), self.vector.as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [self.vector, place.type, I32, self.lanes.mask])
        b.call(self.lanes.declare(f"llvm.masked.store.v{self.lanes.width}i32.p0", kind), [value, place, I32(4), mask])

    def gather(self, base: ir.Value, index: ir.Value, mask: ir.Value) -> ir.Value:
        """Elements (i32 or float) named by a vector of i32, for the lanes of the mask; 0 elsewhere."""
        b, width = self.lanes.builder, self.lanes.width
        element = base.type.pointee
        kind = ir.VectorType(element, width)
        addresses = b.gep(splat(b, base, width), [index], source_etype=element)
        label = "i32" if element == I32 else ("f32" if isinstance(element, ir.FloatType) else "f64")
        signature = ir.FunctionType(kind, [addresses.type, I32, mask.type, kind])
        call = self.lanes.declare(f"llvm.masked.gather.v{width}{label}.v{width}p0", signature)
        nothing = ir.Constant(kind, [0 if element == I32 else 0.0] * width)
        return b.call(call, [addresses, I32(8 if label == "f64" else 4), mask, nothing])
