"""Delivering spikes inside a circuit: every synapse of every spike adds its weight to a ring."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from llvmlite import ir

from ranvier.kernels.cpu.circuit.form import Wire
from ranvier.kernels.cpu.llvm.functions import I32, I64, at, counted, offset, prefetch, when
from ranvier.kernels.cpu.llvm.load_weight import decoding, load_weight
from ranvier.kernels.cpu.llvm.memory import bytes_of

__all__ = ["add_weight", "approached", "ask_first", "deliver", "row_of"]

#: synapses are asked for this many spikes ahead, and where they begin twice as many
AHEAD = 4
_AHEAD_OF = ((2 * AHEAD, False), (AHEAD, True))
_LINE = 64
#: where something lies that is read with the row of a cell
Head = Callable[[ir.Value], ir.Value]


def deliver(
    b: ir.IRBuilder, form: Wire, values: dict, spikes: ir.Value, start: ir.Value, stop: ir.Value, step: ir.Value,
    least: ir.Value | None = None,
) -> None:  # fmt: skip
    """Add the weights of the spikes [start, stop) to the ring [length, padded].

    With one latency they arrive in ``step``; else they were fired in it, and with ``least`` only latencies of at least so
    many steps count.
    """
    ring, length, padded = (values[n] for n in ("ring", "length", "padded"))
    size = b.mul(length, padded)
    one_weight = b.load(values["weight"]) if form.one_weight else None
    (scale,) = decoding(b, form.code, values, 1, [I64(0)])
    slot = b.mul(b.srem(step, length), padded)
    with approached(b, form, values, spikes, start, stop) as (cell, first):
        begin = slot if first is None else b.add(slot, first)
        here = at(b, ring, begin)
        with counted(b, b.load(row_of(b, values, cell)), b.load(row_of(b, values, cell, 1))) as s:
            target = offset(b, b.load(at(b, values["target"], s)))
            if one_weight is not None:
                weight = one_weight
            elif form.code is None:
                weight = b.load(at(b, values["weight"], s))
            else:
                found = load_weight(b, form.code, ring.type.pointee, values["weight"], s, 1, *scale)
                weight = b.extract_element(found, I32(0))
            if form.one_latency:
                add_weight(b, at(b, here, target), weight)
            else:
                latency = b.zext(b.load(at(b, values["latency"], s)), I64)
                place = b.add(begin, b.mul(latency, padded))
                place = b.select(b.icmp_signed(">=", place, size), b.sub(place, size), place)
                with when(b, b.icmp_signed(">=", latency, least)) if least is not None else nullcontext():
                    add_weight(b, at(b, ring, b.add(place, target)), weight)


@contextmanager
def approached(
    b: ir.IRBuilder, form: Wire, values: dict, spikes: ir.Value, start: ir.Value, stop: ir.Value, head: Head | None = None,
    asked: bool = False,
) -> Iterator[tuple[ir.Value, ir.Value | None]]:  # fmt: skip
    """Loop over the cells of the spikes [start, stop), whose rows, and what ``head`` points to, are asked for ahead of time.

    Beside the cell it gives the first target of its sample, None where there are no samples.

    The first were ``asked`` for before, or are so now.
    """
    far = b.icmp_signed(">", values["reach"], I64(0))
    if not asked:
        with when(b, far):
            for rows in (False, True):
                ask_first(b, form, values, spikes, start, stop, head, rows)
    last = b.sub(stop, I64(1))
    with counted(b, start, stop) as k:
        with when(b, far):
            for ahead, rows in _AHEAD_OF:
                soon = b.add(k, I64(ahead))
                soon = b.select(b.icmp_signed("<", soon, last), soon, last)
                _ask(b, form, values, _within(b, form, values, spikes, soon)[0], head, rows)
        yield _within(b, form, values, spikes, k)


def _within(
    b: ir.IRBuilder, form: Wire, values: dict, spikes: ir.Value, k: ir.Value
) -> tuple[ir.Value, ir.Value | None]:
    """The cell of spike ``k`` within its sample, and the first target of the sample."""
    cell = b.load(at(b, spikes, k))
    if not form.several:
        return offset(b, cell), None
    apart = b.trunc(values["pre_apart"], I32)
    sample = b.udiv(cell, apart)
    return offset(b, b.sub(cell, b.mul(sample, apart))), b.mul(offset(b, sample), values["post_apart"])


def ask_first(
    b: ir.IRBuilder, form: Wire, values: dict, spikes: ir.Value, start: ir.Value, stop: ir.Value, head: Head | None, rows: bool
) -> None:  # fmt: skip
    """Ask for the first ``rows`` of the spikes [start, stop), or for where they begin and what ``head`` points to."""
    end = b.add(start, I64(AHEAD if rows else 2 * AHEAD))
    with counted(b, start, b.select(b.icmp_signed("<", end, stop), end, stop)) as k:
        _ask(b, form, values, _within(b, form, values, spikes, k)[0], head, rows)


def _ask(b: ir.IRBuilder, form: Wire, values: dict, cell: ir.Value, head: Head | None, rows: bool) -> None:
    begin = row_of(b, values, cell)
    if rows:
        own = row_of(b, values, cell, 1) if form.by_block else begin  # cut rows: where its weights begin
        _ask_row(b, form, values, b.load(begin), b.load(own))
        return
    for place in (begin, *([] if head is None else [head(cell)])):
        prefetch(b, place)


def _ask_row(b: ir.IRBuilder, form: Wire, values: dict, first: ir.Value, own: ir.Value) -> None:
    """Fetch ``reach`` synapses: targets or places from ``first`` on, weights, latencies and their order from ``own`` on."""
    arrays = {
        "target" if form.queue is None else "place": first,
        **({} if form.one_weight else {"weight": own}),
        **({} if form.one_weight or form.queue is None else {"order": own}),
        **({} if form.one_latency or form.queue is not None else {"latency": own}),
    }
    for name, begin in arrays.items():
        kind = values[name].type.pointee
        with counted(b, begin, b.add(begin, values["reach"]), _LINE // bytes_of(kind)) as s:
            prefetch(b, at(b, values[name], s))


def row_of(b: ir.IRBuilder, values: dict, cell: ir.Value, end: int = 0) -> ir.Value:
    """Where it is written at which synapse the row of ``cell`` begins (or ends)."""
    return at(b, values["rows"], b.add(b.mul(cell, values["stride"]), I64(end)))


def add_weight(b: ir.IRBuilder, where: ir.Value, weight: ir.Value) -> None:
    """Add to the number at ``where``."""
    b.store(b.fadd(b.load(where), weight, flags=("contract", "nsz")), where)
