"""Delayed sums over single synapses, and over time as it passes.

Here results stay as they are stored, ``[time, B, N]``: an event at time s adds to row ``s + first + j`` of its target.
That suits sparse patterns, and fused operations in which the next events depend on what was delivered. A dense matrix is a pattern
in which synapse s of source k reaches target s - k N.
"""

from __future__ import annotations

from functools import cache, cached_property
from typing import Any

import torch
from llvmlite import ir
from torch import Tensor

from ranvier.kernels.cpu.delays._correlate import Wiring
from ranvier.kernels.cpu.delays.events import DelayedEvents
from ranvier.kernels.cpu.events.find import EventList
from ranvier.kernels.cpu.host.operands import scalar
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.signature import REAL, Array, Signature
from ranvier.kernels.cpu.host.tiles import run_routine
from ranvier.kernels.cpu.llvm.functions import I32, I64, at, counted, local, offset, when
from ranvier.kernels.operands import extent, require
from ranvier.kernels.tasks import Pattern

__all__ = ["Synapses", "spread", "synapse_gradient"]

_WRITTEN_OUT = 4  # taps up to which the code names each
_WIRED = {"row_pointer": Array(I64, None), "target": Array(I32, None), "first": Array(I32, "target")}
_SPREAD = Signature(
    {
        "pointer": Array(I64, None),
        "index": Array(I32, None),
        "value": Array(REAL, "index", optional=True),
        **_WIRED,
        "weight": Array(REAL, "target", "taps"),
        "out": Array(REAL, "limit", None, apart=True),
    },
    ("start", "stop", "batch", "steps", "first_step", "limit", "stride", "columns", "taps"),
)
_GRADIENT = Signature(
    {
        "pointer": Array(I64, None),
        "time": Array(I32, None),
        "value": Array(REAL, "time", optional=True),
        **_WIRED,
        "sums": Array(REAL, "target", "taps"),
        "grad": Array(REAL, "steps", "batch", "columns"),
    },
    ("start", "stop", "batch", "inputs", "history", "steps", "columns", "taps"),
)


class Synapses:
    """Taps ``[S, W]`` and first latencies int32 ``[S]`` of the synapses in a pattern, sorted by source.

    Raises
    ------
    TypeError, ValueError
        They disagree, or a latency is negative.
    """

    def __init__(self, pattern: Pattern, taps: Tensor, first: Tensor) -> None:
        require(pattern.target, "target", (pattern.synapses,), torch.int32)
        require(taps, "taps", (pattern.synapses, None))
        require(first, "latency", (pattern.synapses,), torch.int32)
        shortest, longest = extent(first) if first.numel() else (0, 0)
        if shortest < 0:
            raise ValueError(f"latency holds {shortest}; a synapse cannot act before its spike: use 0 or more steps")
        self.pattern, self.taps, self.first = pattern, taps, first
        self.shortest, self.longest = shortest, longest

    @property
    def reach(self) -> int:
        """Steps before a window that matter in it."""
        return self.longest + self.taps.shape[1] - 1

    @cached_property
    def wiring(self) -> Wiring:
        """How the targets' time lines are read back into sums per source."""
        given = self.taps.shape[1]
        count = 1 << (given - 1).bit_length() if given <= 8 else -(-given // 8) * 8
        padded = torch.nn.functional.pad(self.taps, (0, count - given)).contiguous()
        pattern = self.pattern
        return Wiring(self.first, padded, pattern.columns, pattern.rows, 1, pattern.row_pointer, pattern.target)

    def line_length(self, extended: int) -> int:
        """Elements of a time line that every read fits in."""
        return extended + self.longest + self.wiring.taps.shape[1]


def spread(events: EventList, synapses: Synapses, out: Tensor, start: int, batch: int) -> None:
    """Deliver events of several steps into rows of time.

    Parameters
    ----------
    events
        Events of steps ``start``, ``start + 1``, … seen as ``[steps * B, K]``; ``start`` may be negative.
    synapses
        Who is reached, how strongly, when.
    out
        ``[T, row]``, row at least ``B * N``; what falls outside 0 … T - 1 is dropped.
    start, batch
        As above.
    """
    pattern, taps = synapses.pattern, synapses.taps
    if events.columns != pattern.rows or out.dtype != taps.dtype:
        raise ValueError(
            f"events of {events.columns} sources in {out.dtype} meet synapses of {pattern.rows} in {taps.dtype}"
        )
    steps, count = events.rows // batch, taps.shape[1]
    inside = start + synapses.shortest >= 0 and start + steps + synapses.reach <= out.shape[0]
    kernel = _spread_kernel(out.dtype, events.value is not None, count if count <= _WRITTEN_OUT else 0, inside)
    run_routine(
        kernel, batch, **_wired(synapses), pointer=events.pointer, index=events.index, value=events.value, weight=taps,
        out=out, steps=steps, batch=batch, first_step=start, limit=out.shape[0], stride=out.stride(0),
    )  # fmt: skip


def synapse_gradient(happened: DelayedEvents, synapses: Synapses, grad: Tensor) -> Tensor:
    """``dtaps[s, j] = sum over events (t, b, k) of value * grad[t + first[s] + j, b, target[s]]``: ``[S, W]``.

    ``grad`` is ``[T, B, N]``; the events come sorted, in extended time.
    """
    pattern, taps = synapses.pattern, synapses.taps
    require(grad, "grad", (happened.steps, happened.batch, pattern.columns), taps.dtype)
    out = torch.zeros_like(taps)
    kernel = _synapse_kernel(taps.dtype, happened.value is not None)
    run_routine(
        kernel, pattern.rows, **_wired(synapses), pointer=happened.pointer, time=happened.time, value=happened.value,
        sums=out, grad=grad, batch=happened.batch, inputs=pattern.rows, history=happened.history, steps=happened.steps,
    )  # fmt: skip
    return out


def _wired(synapses: Synapses) -> dict[str, Any]:
    """The synapses, as kernels name them."""
    pattern = synapses.pattern
    wired = {"row_pointer": pattern.row_pointer, "target": pattern.target, "first": synapses.first}
    return {**wired, "columns": pattern.columns, "taps": synapses.taps.shape[1]}


@cache
def _spread_kernel(dtype: torch.dtype, valued: bool, written: int, inside: bool) -> Routine:
    """Items are batch elements; ``written`` taps are written out (0: a loop), ``inside`` says that all arrive in time.

    The events are those of ``first_step`` on; ``out`` has ``limit`` rows, ``stride`` elements apart.
    """
    name = f"spread_{scalar(dtype)}_{written}{'_valued' if valued else ''}{'_inside' if inside else ''}"
    f = _SPREAD.open(name, dtype)
    b = f.builder
    pointer, index, value = f["pointer", "index", "value"]
    row_pointer, target, first, taps, out = f["row_pointer", "target", "first", "weight", "out"]
    low, high, batch, steps = f["start", "stop", "batch", "steps"]
    start, limit, stride, columns, count = f["first_step", "limit", "stride", "columns", "taps"]

    def add(arrival: ir.Value, place: ir.Value, tap: ir.Value, factor: ir.Value | None) -> None:
        term = b.load(at(b, taps, tap))
        term = term if factor is None else b.fmul(term, factor, flags=("contract",))
        slot = at(b, out, b.add(b.mul(arrival, stride), place))
        b.store(b.fadd(b.load(slot), term, flags=("contract",)), slot)

    def land(arrival: ir.Value, *rest: ir.Value | None) -> None:
        if inside:
            add(arrival, *rest)
        else:
            with when(b, b.icmp_unsigned("<", arrival, limit)):
                add(arrival, *rest)

    with counted(b, 0, steps) as t, counted(b, low, high) as element:
        row = b.add(b.mul(t, batch), element)
        now, column = b.add(start, t), b.mul(element, columns)
        begin, end = (b.load(at(b, pointer, b.add(row, I64(i)))) for i in (0, 1))
        with counted(b, begin, end) as e:
            source = offset(b, b.load(at(b, index, e)))
            left, right = (b.load(at(b, row_pointer, b.add(source, I64(i)))) for i in (0, 1))
            factor = b.load(at(b, value, e)) if valued else None
            with counted(b, left, right) as s:
                time = b.add(now, offset(b, b.load(at(b, first, s))))
                place = b.add(column, offset(b, b.load(at(b, target, s))))
                for j in range(written):
                    land(b.add(time, I64(j)), place, b.add(b.mul(s, I64(written)), I64(j)), factor)
                if not written:
                    with counted(b, 0, count) as j:
                        land(b.add(time, j), place, b.add(b.mul(s, count), j), factor)
    return f.compile()


@cache
def _synapse_kernel(dtype: torch.dtype, valued: bool) -> Routine:
    """Items are sources."""
    real = scalar(dtype)
    f = _GRADIENT.open(f"synapse_gradient_{real}{'_valued' if valued else ''}", dtype)
    b = f.builder
    pointer, time, value = f["pointer", "time", "value"]
    row_pointer, target, first, sums, grad = f["row_pointer", "target", "first", "sums", "grad"]
    low, high, batch, inputs = f["start", "stop", "batch", "inputs"]
    history, steps, columns, count = f["history", "steps", "columns", "taps"]
    with counted(b, low, high) as source, counted(b, 0, batch) as element:
        here = b.add(b.mul(element, inputs), source)
        begin, end = (b.load(at(b, pointer, b.add(here, I64(i)))) for i in (0, 1))
        left, right = (b.load(at(b, row_pointer, b.add(source, I64(i)))) for i in (0, 1))
        with when(b, b.icmp_signed("<", begin, end)), counted(b, left, right) as s, counted(b, 0, count) as j:
            lag = b.sub(b.add(offset(b, b.load(at(b, first, s))), j), history)
            place = b.add(b.mul(element, columns), offset(b, b.load(at(b, target, s))))
            total = local(b, real(0.0))
            with counted(b, begin, end) as e:
                arrival = b.add(offset(b, b.load(at(b, time, e))), lag)
                with when(b, b.icmp_unsigned("<", arrival, steps)):
                    term = b.load(at(b, grad, b.add(b.mul(arrival, b.mul(batch, columns)), place)))
                    term = term if not valued else b.fmul(term, b.load(at(b, value, e)), flags=("contract",))
                    b.store(b.fadd(b.load(total), term, flags=("contract",)), total)
            slot = at(b, sums, b.add(b.mul(s, count), j))
            b.store(b.fadd(b.load(slot), b.load(total)), slot)
    return f.compile()
