"""Vectors in memory, of floats and of whole numbers: one gather, one masked load, one masked store, one sum of lanes."""

from __future__ import annotations

from llvmlite import ir

from ranvier.kernels.cpu.llvm.functions import I32, splat

__all__ = ["bytes_of", "declared", "gathered", "masked_load", "masked_store", "summed"]


def gathered(b: ir.IRBuilder, base: ir.Value, places: ir.Value, mask: ir.Value | None = None) -> ir.Value:
    """Elements of the array at ``base`` that ``places`` (a vector of i32, not negative) name.

    With a mask only its lanes are read; the others are 0.
    """
    element, width = base.type.pointee, places.type.count
    wide, chosen = ir.VectorType(element, width), ir.VectorType(ir.IntType(1), width)
    addresses = b.gep(splat(b, base, width), [places], source_etype=element)
    rest = ir.Constant(wide, ir.Undefined) if mask is None else _zeros(wide)
    kind = ir.FunctionType(wide, [addresses.type, I32, chosen, wide])
    call = declared(b, f"llvm.masked.gather.v{width}{_suffix(element)}.v{width}p0", kind)
    every = ir.Constant(chosen, [1] * width)
    return b.call(call, [addresses, I32(bytes_of(element)), every if mask is None else mask, rest])


def masked_load(b: ir.IRBuilder, place: ir.Value, mask: ir.Value) -> ir.Value:
    """The lanes of the mask from the vector at ``place``; the others are 0, and their memory is not touched."""
    wide = place.type.pointee
    kind = ir.FunctionType(wide, [place.type, I32, mask.type, wide])
    call = declared(b, f"llvm.masked.load.v{wide.count}{_suffix(wide.element)}.p0", kind)
    return b.call(call, [place, I32(bytes_of(wide.element)), mask, _zeros(wide)])


def masked_store(b: ir.IRBuilder, value: ir.Value, place: ir.Value, mask: ir.Value) -> None:
    """Write the lanes of the mask to the vector at ``place``."""
    wide = value.type
    kind = ir.FunctionType(ir.VoidType(), [wide, place.type, I32, mask.type])
    call = declared(b, f"llvm.masked.store.v{wide.count}{_suffix(wide.element)}.p0", kind)
    b.call(call, [value, place, I32(bytes_of(wide.element)), mask])


def summed(b: ir.IRBuilder, start: ir.Value, vector: ir.Value) -> ir.Value:
    """``start`` plus all lanes, in an order that the processor chooses."""
    wide = vector.type
    kind = ir.FunctionType(wide.element, [wide.element, wide])
    call = declared(b, f"llvm.vector.reduce.fadd.v{wide.count}{_suffix(wide.element)}", kind)
    return b.call(call, [start, vector], fastmath=("reassoc",))


def declared(b: ir.IRBuilder, name: str, kind: ir.FunctionType) -> ir.Function:
    """The function of that name, declared in the module unless it is already."""
    return b.module.globals.get(name) or ir.Function(b.module, kind, name)


def _zeros(wide: ir.VectorType) -> ir.Constant:
    return ir.Constant(wide, [0 if isinstance(wide.element, ir.IntType) else 0.0] * wide.count)


def _suffix(element: ir.Type) -> str:
    if isinstance(element, ir.IntType):
        return f"i{element.width}"
    return "f32" if isinstance(element, ir.FloatType) else "f64"


def bytes_of(element: ir.Type) -> int:
    """Size of a number of this type."""
    if isinstance(element, ir.IntType):
        return element.width // 8
    return 4 if isinstance(element, ir.FloatType) else 8
