"""A meeting of all threads of a run: none goes on before each of them has come."""

from __future__ import annotations

from functools import cache

from llvmlite import ir

from ranvier.kernels.cpu.host.barrier import Barrier
from ranvier.kernels.cpu.host.clock import Clock
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.sections import OpenKind
from ranvier.kernels.cpu.host.signature import Array, Signature
from ranvier.kernels.cpu.llvm.functions import I64

__all__ = ["MEETING", "meet", "meeting_kernel"]

#: flags that say how often each thread has come
MEETING = Signature({"meetings": Array(I64, None)})


def meet(b: ir.IRBuilder, clock: Clock, flags: ir.Value) -> None:
    """Wait where the builder stands until every thread has come as often as this one; all must come equally often."""
    count = b.add(clock["met"], I64(1))
    clock.set("met", count)
    barrier = Barrier(b, flags, clock["thread"], clock["threads"])
    barrier.reach(count)
    with barrier.each() as other:
        barrier.wait(other, count)


@cache
def meeting_kernel() -> Routine:
    """A call in a list at which the threads meet."""
    f = OpenKind("meet", MEETING)
    with f.sections() as section:
        meet(f.builder, f.clock, section["meetings"])
    return f.compile()
