"""Delivering spikes over synapses that are not stored: a row is drawn when its cell fires, and forgotten."""

from __future__ import annotations

from llvmlite import ir

from ranvier.kernels.cpu.draw.row_source import kernel_for
from ranvier.kernels.cpu.host.arguments import Arguments
from ranvier.kernels.cpu.llvm.functions import I8, I32, I64, at, counted, offset

__all__ = ["deliver_drawn", "drawn_arguments"]

_KERNEL = ir.FunctionType(
    ir.VoidType(), [I8.as_pointer().as_pointer(), I64.as_pointer(), ir.DoubleType().as_pointer()]
).as_pointer()


def drawn_arguments(arguments: Arguments) -> dict:
    """The tables of a ``RowSource``, its degrees and weight; where its kernel starts, whether each row has a degree."""
    values = {"bounds": arguments.pointer(I64), "target": arguments.pointer(I32)}
    values |= {"pointers": arguments.pointer(I8.as_pointer()), "integers": arguments.pointer(I64)}
    values |= {"floats": arguments.pointer(ir.DoubleType()), "degree": arguments.pointer(I64)}
    values |= {"weight": arguments.pointer(), "kernel": arguments.integer(), "each": arguments.integer()}
    return values


def deliver_drawn(
    b: ir.IRBuilder, kind: str, values: dict, ring: ir.Value, padded: ir.Value, spikes: ir.Value, start: ir.Value,
    stop: ir.Value, step: ir.Value, length: ir.Value,
) -> None:  # fmt: skip
    """Add the weight for every target of the spikes [start, stop), which arrive in ``step``, to the ring.

    ``kind`` names the kernel that draws.
    """
    here = at(b, ring, b.mul(b.srem(step, length), padded))
    weight = b.load(values["weight"])
    kernel = b.inttoptr(values["kernel"], _KERNEL)
    tables = [values["pointers"], values["integers"], values["floats"]]
    count = at(b, values["bounds"], 1)
    (_, number), (_, write) = (kernel_for(kind).signature.places[n] for n in ("first", "write"))
    with counted(b, start, stop) as k:
        cell = offset(b, b.load(at(b, spikes, k)))
        b.store(cell, at(b, values["integers"], number))
        if kind == "bernoulli":  # counts targets first, then writes them
            b.store(I64(0), at(b, values["integers"], write))
            b.call(kernel, tables)
            b.store(I64(1), at(b, values["integers"], write))
        else:
            b.store(b.load(at(b, values["degree"], b.mul(cell, values["each"]))), count)
        b.call(kernel, tables)
        with counted(b, 0, b.load(count)) as s:
            where = at(b, here, offset(b, b.load(at(b, values["target"], s))))
            b.store(b.fadd(b.load(where), weight, flags=("contract", "nsz")), where)
