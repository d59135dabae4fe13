"""Delivering spikes over synapses that are not stored: a row is drawn when its cell fires, and dropped afterwards."""

from __future__ import annotations

from llvmlite import ir

from ranvier.kernels.cpu.draw.row_source import kernel_for
from ranvier.kernels.cpu.host.signature import REAL, Array, Signature
from ranvier.kernels.cpu.llvm.functions import I8, I32, I64, KERNEL, at, counted, offset

__all__ = ["DRAWN", "deliver_drawn"]

#: a ``RowSource``: the tables with which its ``kernel`` is called, degrees (``each`` says whether every row has one) and weight
DRAWN = Signature(
    {
        "bounds": Array(I64, None),
        "target": Array(I32, None),
        "pointers": Array(I64, None),
        "integers": Array(I64, None),
        "floats": Array(ir.DoubleType(), None),
        "degree": Array(I64, None),
        "weight": Array(REAL, None),
    },
    ("kernel", "each", "latency"),
)


def deliver_drawn(
    b: ir.IRBuilder, kind: str, values: dict, spikes: ir.Value, start: ir.Value, stop: ir.Value, step: ir.Value
) -> None:
    """Add the weight for every target of the spikes [start, stop), which arrive in ``step``, to the ring.

    ``kind`` names the kernel that draws.
    """
    ring, length, padded = (values[n] for n in ("ring", "length", "padded"))
    here = at(b, ring, b.mul(b.srem(step, length), padded))
    weight = b.load(values["weight"])
    kernel = b.inttoptr(values["kernel"], KERNEL.as_pointer())
    pointers = b.bitcast(values["pointers"], I8.as_pointer().as_pointer())
    tables = [pointers, values["integers"], values["floats"]]
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
