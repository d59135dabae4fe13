"""The spikes of each cell as plastic synapses of walked rules see them: a log that every step goes on with."""

from __future__ import annotations

from functools import cache

from llvmlite import ir

from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.sections import OpenKind
from ranvier.kernels.cpu.host.signature import Signature
from ranvier.kernels.cpu.llvm.functions import I32, I64, at, counted, offset, when
from ranvier.kernels.cpu.llvm.load_weight import Arguments
from ranvier.kernels.cpu.plastic.tables import LONGEST, POST

__all__ = ["CLEAR", "LOG", "WRITE", "fired_before", "log_kernel"]

#: parts of the kernel
CLEAR, WRITE = 0, 1
LOG = Signature(POST, ("low", "high", "capacity"))


@cache
def log_kernel() -> Routine:
    """Clears logs of the thread's cells every ``LONGEST`` steps, and writes the spikes of the step before as events of this step."""
    f = OpenKind("log_spikes", LOG)
    b, clock = f.builder, f.clock

    def clear() -> None:
        n = clock["n"]
        due = b.and_(b.icmp_signed(">", n, I64(0)), b.icmp_signed("==", b.srem(n, I64(LONGEST)), I64(0)))
        with when(b, due), f.sections() as log, counted(b, log["low"], log["high"]) as k:
            b.store(I32(0), at(b, log["counts"], k))

    def write() -> None:
        n, depth = clock["n"], clock["depth"]
        with f.sections() as log:
            spikes, start, stop = fired_before(b, log, n, depth)
            given, counts, capacity = log["log"], log["counts"], log["capacity"]
            with counted(b, start, stop) as k:
                cell = offset(b, b.load(at(b, spikes, k)))
                count = at(b, counts, cell)
                known = b.load(count)
                where = b.add(b.mul(cell, capacity), b.sext(known, I64))
                b.store(b.trunc(n, I32), at(b, given, where))
                b.store(b.add(known, I32(1)), count)

    f.parts([clear, write])
    return f.compile()


def fired_before(
    b: ir.IRBuilder, array: Arguments, n: ir.Value, depth: ir.Value
) -> tuple[ir.Value, ir.Value, ir.Value]:
    """The postsynaptic spikes of the step before step ``n`` of the call: list, start and stop."""
    begun = b.icmp_signed(">", n, I64(0))
    spikes = b.select(begun, array["post_spikes"], array["post_past"])
    bounds = b.select(begun, array["post_bounds"], array["post_past_bounds"])
    place = b.select(begun, b.sub(n, I64(1)), b.sub(depth, I64(1)))
    return spikes, b.load(at(b, bounds, place)), b.load(at(b, bounds, b.add(place, I64(1))))
