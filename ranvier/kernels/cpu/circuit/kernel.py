"""The driver of a circuit: arrive, advance, fire, reset and deliver, step after step, by lists of calls.

Each kind of population (:mod:`.cells`), of projection (:mod:`.projection`) and of rule is a kernel of its own, for any number of them.
The driver walks lists of calls, so its code depends on nothing, and that of no kernel on how many parts there are or which
they join.

A projection with one latency adds its weights in the step of their arrival, straight to the state where that is all the
cell does with them. Where synapses have latencies of their own, arrivals wait in a ring, one per population and port:
slot (step mod length) holds what arrives in that step. A ring that would leave the cache is as long as a turn only, and
arrivals of later turns wait in queues (:mod:`._queues`). Either way the order of addition is that of steps, projections and
cells, whatever the cut of the run.

Threads share the cells: each advances its own range of every population and adds to the rings of that range only, so
nothing is written by two and the order of addition is that of one thread. Each waits for another before it reads what that one
fired, once per *slice*, as many steps as the shortest latency: a spike of the slice arrives after it.

So do processes, each with one thread: between the steps of a slice and what follows them the lists of spikes are
completed (:mod:`.exchange`), so that every other part of the circuit finds the lists that one process would have made.
"""

from __future__ import annotations

from functools import cache

from ranvier.kernels.cpu.host.barrier import Barrier
from ranvier.kernels.cpu.host.clock import Clock
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.sections import walk
from ranvier.kernels.cpu.host.signature import Array, Signature
from ranvier.kernels.cpu.llvm.functions import I64, at, counted, flushed, when

__all__ = ["LISTS", "driver"]

#: lists of calls: for every step of the history, when a slice begins, in every step, for every step once its slice is over, and at the end
LISTS = ("history", "slice", "step", "after", "end")


@cache
def driver() -> Routine:
    """The steps of ``span``, from the first up to the second number, in slices of ``together``; what the history sends
    comes before step 0."""
    arrays = {"span": Array(I64, 2)} | {n: Array(I64, None) for n in ("clock", "flags", *LISTS)}
    f = Signature(arrays, ("together",)).open("run_circuit")
    b, clock, span, together = f.builder, Clock(f.builder, f["clock"]), f["span"], f["together"]
    first, steps = (b.load(at(b, span, k)) for k in (0, 1))
    lists = {n: f[n] for n in LISTS}
    sending = b.icmp_signed(">", b.load(lists["after"]), I64(0))
    barrier = Barrier(b, f["flags"], clock["thread"], clock["threads"])
    opening = b.and_(sending, b.icmp_signed("==", first, I64(0)))
    with when(b, opening), counted(b, 0, clock["depth"]) as k:
        clock.set("n", k)
        walk(b, lists["history"])
    with flushed(b):
        with counted(b, first, steps, together) as begin:
            end = b.add(begin, together)
            end = b.select(b.icmp_signed("<", end, steps), end, steps)
            clock.set("end", end)
            clock.set("n", begin)
            walk(b, lists["slice"])
            with counted(b, begin, end) as n:
                clock.set("n", n)
                walk(b, lists["step"])
            barrier.reach(end)
            with when(b, sending), counted(b, begin, end) as n:
                clock.set("n", n)
                walk(b, lists["after"])
        clock.set("n", steps)
        walk(b, lists["end"])
    return f.compile()
