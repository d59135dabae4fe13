"""Delivering spikes over synapses that are not stored: a row is drawn when its cell fires, and dropped afterwards."""

from __future__ import annotations

from llvmlite import ir

from ranvier.kernels.cpu.draw.row_source import kernel_for
from ranvier.kernels.cpu.host.signature import REAL, Array, Signature
from ranvier.kernels.cpu.llvm.functions import I8, I32, I64, KERNEL, at, counted, offset

__all__ = ["DRAWN", "DrawnRow", "add_to_targets", "arriving", "deliver_drawn"]

#: a ``RowSource``: the tables with which its ``kernel`` is called, degrees (``each`` says whether every row has one) and weight;
#: for threads that draw together the addresses of the targets of each and of where its rows begin, ``room`` for the
#: targets of the ``most`` rows that each draws at a time, and the cells [low, high) of this one
DRAWN = Signature(
    {
        "bounds": Array(I64, None),
        "target": Array(I32, None),
        "pointers": Array(I64, None),
        "integers": Array(I64, None),
        "floats": Array(ir.DoubleType(), None),
        "degree": Array(I64, None),
        "weight": Array(REAL, None),
        "row_start": Array(I64, None),
        "ahead": Array(I64, None),
        "all_targets": Array(I64, None),
        "all_starts": Array(I64, None),
        "meetings": Array(I64, None),
    },
    ("kernel", "each", "latency", "room", "most", "low", "high"),
)


class DrawnRow:
    """Draws rows by the kernel that ``kind`` names, where the builder stands."""

    def __init__(self, b: ir.IRBuilder, kind: str, values: dict) -> None:
        self.b, self.kind, self.values = b, kind, values
        self._kernel = b.inttoptr(values["kernel"], KERNEL.as_pointer())
        self._tables = [
            b.bitcast(values["pointers"], I8.as_pointer().as_pointer()),
            values["integers"],
            values["floats"],
        ]
        (_, self._first), (_, self._write) = (kernel_for(kind).signature.places[n] for n in ("first", "write"))

    def of(self, cell: ir.Value, place: ir.Value) -> ir.Value:
        """The targets of ``cell``, from ``place`` of the array of targets on; where they end."""
        b, values = self.b, self.values
        begin, end = (at(b, values["bounds"], k) for k in (0, 1))
        b.store(cell, at(b, values["integers"], self._first))
        if self.kind == "bernoulli":  # counts targets first, then writes them
            b.store(I64(0), at(b, values["integers"], self._write))
            b.call(self._kernel, self._tables)
            b.store(I64(1), at(b, values["integers"], self._write))
            count = b.load(end)
        else:
            count = b.load(at(b, values["degree"], b.mul(cell, values["each"])))
        stop = b.add(place, count)
        b.store(place, begin)
        b.store(stop, end)
        b.call(self._kernel, self._tables)
        return stop


def deliver_drawn(
    b: ir.IRBuilder, kind: str, values: dict, spikes: ir.Value, start: ir.Value, stop: ir.Value, step: ir.Value
) -> None:
    """Add the weight for every target of the spikes [start, stop), which arrive in ``step``, to the ring.

    ``kind`` names the kernel that draws.
    """
    here, weight, row = arriving(b, values, step), b.load(values["weight"]), DrawnRow(b, kind, values)
    with counted(b, start, stop) as k:
        end = row.of(offset(b, b.load(at(b, spikes, k))), I64(0))
        add_to_targets(b, here, values["target"], I64(0), end, weight)


def arriving(b: ir.IRBuilder, values: dict, step: ir.Value) -> ir.Value:
    """Where the ring has what arrives in ``step``."""
    return at(b, values["ring"], b.mul(b.srem(step, values["length"]), values["padded"]))


def add_to_targets(
    b: ir.IRBuilder, here: ir.Value, target: ir.Value, start: ir.Value, stop: ir.Value, weight: ir.Value
) -> None:
    """Add ``weight`` for each of the targets [start, stop)."""
    with counted(b, start, stop) as s:
        where = at(b, here, offset(b, b.load(at(b, target, s))))
        b.store(b.fadd(b.load(where), weight, flags=("contract", "nsz")), where)
