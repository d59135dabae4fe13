"""Synchronisation of the threads of a kernel: each publishes its progress, and waits for another before it reads its results.

A thread that waits spins for a moment (2 microseconds), then lets others have the processor, where the one that is waited for
may be among them, then sleeps. Sleep comes late (10 milliseconds): who oversleeps makes the others wait until they fall
asleep themselves, and so on.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

import llvmlite.binding as llvm
from llvmlite import ir

from ranvier.kernels.cpu.llvm.functions import I32, I64, at, counted, local, when
from ranvier.kernels.cpu.llvm.inner import Inner

__all__ = ["LINE", "Barrier", "can_meet"]

#: flags of threads lie this many 64-bit numbers apart, so that no two share a cache line
LINE = 16
_SPINS, _YIELDS, _SLEEP = 4000, 20_000, 50  # rounds, rounds, microseconds


def can_meet() -> bool:
    """Whether the C library has the functions that a waiting thread calls."""
    library = ctypes.CDLL(None) if hasattr(ctypes, "CDLL") else None
    found = all(hasattr(library, name) for name in ("sched_yield", "usleep"))
    for name in ("sched_yield", "usleep") if found else ():
        llvm.add_symbol(name, ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0)
    return found


class Barrier:
    """The threads 0 … ``threads`` - 1 of a kernel, of which this is ``thread``; ``flags`` is theirs together."""

    def __init__(self, b: ir.IRBuilder, flags: ir.Value, thread: ir.Value, threads: ir.Value) -> None:
        self.b, self.flags, self.thread, self.threads = b, flags, thread, threads
        self._waits: Inner | None = None

    @contextmanager
    def each(self) -> Iterator[ir.Value]:
        """Loop over the threads."""
        with counted(self.b, 0, self.threads) as thread:
            yield thread

    def reach(self, stage: ir.Value) -> None:
        """Publish that this thread has done everything before ``stage``, a number that grows from call to call."""
        self.b.store_atomic(stage, self._flag(self.thread), "release", 8)

    def wait(self, thread: ir.Value, stage: ir.Value) -> None:
        """Go on when ``thread`` has reached ``stage``."""
        b, flag = self.b, self._flag(thread)
        with when(b, b.icmp_signed("<", b.load_atomic(flag, "acquire", 8), stage)):
            self._patience().call(b, {"flag": flag, "stage": stage})

    def _flag(self, thread: ir.Value) -> ir.Value:
        return at(self.b, self.flags, self.b.mul(thread, I64(LINE)))

    def _patience(self) -> Inner:
        """A function that returns when a flag has reached a stage."""
        if self._waits is not None:
            return self._waits
        name = self.b.module.get_unique_name("patience")
        made = self._waits = Inner(self.b.module, name, {"flag": I64.as_pointer(), "stage": I64})
        b, flag, stage = made.builder, made["flag"], made["stage"]
        tries = local(b, I64(0))
        head, behind, patient, tired, after = (
            b.append_basic_block(n) for n in ("look", "behind", "patient", "tired", "met")
        )
        b.branch(head)
        b.position_at_end(head)
        b.cbranch(b.icmp_signed("<", b.load_atomic(flag, "acquire", 8), stage), behind, after)
        b.position_at_end(behind)
        count = b.add(b.load(tries), I64(1))
        b.store(count, tries)
        b.cbranch(b.icmp_signed("<", count, I64(_SPINS)), head, patient)
        b.position_at_end(patient)
        b.call(self._extern("sched_yield", []), [])
        b.cbranch(b.icmp_signed("<", count, I64(_SPINS + _YIELDS)), head, tired)
        b.position_at_end(tired)
        b.call(self._extern("usleep", [I32]), [I32(_SLEEP)])
        b.branch(head)
        b.position_at_end(after)
        made.close()
        return made

    def _extern(self, name: str, arguments: list[ir.Type]) -> ir.Function:
        known = self.b.module.globals.get(name)
        return known or ir.Function(self.b.module, ir.FunctionType(I32, arguments), name)
