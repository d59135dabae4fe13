"""Delivering spikes inside a circuit's loop: every synapse of every spike adds its weight to a ring."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Protocol

from llvmlite import ir

from ranvier.kernels.cpu._loops import I64, at, counted, offset, prefetch, when

__all__ = ["AHEAD", "deliver"]

#: synapses are asked for this many spikes ahead, and where they begin twice as many
AHEAD = 4
_LINE = 64


class Form(Protocol):
    """What the code depends on."""

    @property
    def one_weight(self) -> bool:
        """Whether all synapses share a weight."""
        ...

    @property
    def one_latency(self) -> bool:
        """Whether all synapses share a latency."""
        ...


def deliver(
    b: ir.IRBuilder, form: Form, values: dict, ring: ir.Value, padded: ir.Value, spikes: ir.Value, start: ir.Value,
    stop: ir.Value, step: ir.Value, length: ir.Value, least: ir.Value | None = None,
) -> None:  # fmt: skip
    """Add the weights of the spikes [start, stop) to the ring [length, padded].

    With one latency they arrive in ``step``; else they were fired in it, and with ``least`` only latencies of at least so
    many steps count.
    """
    size = b.mul(length, padded)
    one_weight = b.load(values["weight"]) if form.one_weight else None
    slot = b.mul(b.srem(step, length), padded)
    here = at(b, ring, slot)
    last = b.sub(stop, I64(1))

    def row(k: ir.Value) -> ir.Value:
        k = b.select(b.icmp_signed("<", k, last), k, last)
        return offset(b, b.load(at(b, spikes, k)))

    with counted(b, start, stop) as k:
        with when(b, b.icmp_signed(">", values["reach"], I64(0))):
            _ask(b, values, row(b.add(k, I64(AHEAD))), row(b.add(k, I64(2 * AHEAD))), form)
        cell = offset(b, b.load(at(b, spikes, k)))
        with counted(b, b.load(at(b, values["begin"], cell)), b.load(at(b, values["end"], cell))) as s:
            target = offset(b, b.load(at(b, values["target"], s)))
            weight = b.load(at(b, values["weight"], s)) if one_weight is None else one_weight
            if form.one_latency:
                _add(b, at(b, here, target), weight)
            else:
                latency = b.zext(b.load(at(b, values["latency"], s)), I64)
                place = b.add(slot, b.mul(latency, padded))
                place = b.select(b.icmp_signed(">=", place, size), b.sub(place, size), place)
                with when(b, b.icmp_signed(">=", latency, least)) if least is not None else nullcontext():
                    _add(b, at(b, ring, b.add(place, target)), weight)


def _ask(b: ir.IRBuilder, values: dict, soon: ir.Value, later: ir.Value, form: Form) -> None:
    """Fetch the first ``reach`` synapses of one row, and where another begins."""
    prefetch(b, at(b, values["begin"], later))
    begin = b.load(at(b, values["begin"], soon))
    arrays = ["target", *([] if form.one_weight else ["weight"]), *([] if form.one_latency else ["latency"])]
    for name in arrays:
        kind = values[name].type.pointee
        each = (
            _LINE * 8 // (kind.width if isinstance(kind, ir.IntType) else 32 if isinstance(kind, ir.FloatType) else 64)
        )
        with counted(b, begin, b.add(begin, values["reach"]), each) as s:
            prefetch(b, at(b, values[name], s))


def _add(b: ir.IRBuilder, where: ir.Value, weight: ir.Value) -> None:
    b.store(b.fadd(b.load(where), weight, flags=("contract", "nsz")), where)
