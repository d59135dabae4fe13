"""Spike-driven products over a fixed sparse pattern: connections kept by presynaptic row (CSR)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from llvmlite import ir
from torch import Tensor

from ranvier.kernels.cpu.host.buffers import empty
from ranvier.kernels.cpu.host.operands import lanes, scalar
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.signature import REAL, Array, Signature
from ranvier.kernels.cpu.host.tiles import run_routine
from ranvier.kernels.cpu.host.weights import Weights, code_arrays
from ranvier.kernels.cpu.llvm.functions import (
    I32,
    I64,
    at,
    counted,
    local,
    offset,
    splat,
    vector_at,
    when,
)
from ranvier.kernels.cpu.llvm.load_weight import Code, decoding, load_weight
from ranvier.kernels.cpu.llvm.memory import gathered
from ranvier.kernels.operands import require
from ranvier.kernels.tasks import Pattern

if TYPE_CHECKING:
    from ranvier.kernels.cpu.events.find import EventList

__all__ = ["scatter", "scatter_kernel", "sparse_input_gradient", "value_gradient", "value_gradient_kernel"]

_LEAST = 1 << 15  # synaptic events that pay for a tile of their own
_AT_ONCE = 4  # synapses written out side by side
_WIRED = {
    "pointer": Array(I64, None),
    "index": Array(I32, None),
    "value": Array(REAL, "index", optional=True),
    "row_pointer": Array(I64, None),
    "target": Array(I32, None),
}
_SPAN = ("start", "stop", "columns")
_GRADIENT = Signature(_WIRED | {"grad": Array(REAL, None, "columns"), "out": Array(REAL, "target")}, _SPAN)


def scatter(events: EventList, pattern: Pattern, weight: Tensor | Weights, out: Tensor) -> None:
    """Deliver events: ``out[r, target[s]] += value * weight[s]`` for every synapse s of every event.

    Parameters
    ----------
    events
        R rows over K columns.
    pattern
        The connections, K sources.
    weight
        ``[synapses]``, floats or stored numbers.
    out
        ``[R, N]``, added to in place.

    Raises
    ------
    TypeError, ValueError
        Operands disagree in shape, dtype or layout.
    """
    _check(events, pattern, out, "out")
    each = weight if isinstance(weight, Weights) else Weights(weight, weight.dtype)
    require(each.table, "weight", (pattern.synapses,), out.dtype if each.code is None else each.table.dtype)
    kernel = scatter_kernel(out.dtype, events.value is not None, each.code)
    least = _least(events, pattern, events.rows)
    run_routine(kernel, events.rows, least, **_wired(events, pattern), **each.given("weight"), out=out)


def value_gradient(events: EventList, pattern: Pattern, grad: Tensor) -> Tensor:
    """Gradient to the weight of each synapse: ``dw[s] = sum over events (r, k) of value * grad[r, target[s]]``.

    Parameters
    ----------
    events
        R rows over K columns.
    pattern
        The connections, K sources.
    grad
        ``[R, N]``.

    Returns
    -------
        ``[synapses]``.

    Raises
    ------
    TypeError, ValueError
        Operands disagree in shape, dtype or layout.
    """
    from ranvier.kernels.cpu.events.weight_gradient import by_column  # circuits never use it

    _check(events, pattern, grad, "grad")
    ordered = by_column(events, max(1, events.rows))
    out = empty([pattern.synapses], grad.dtype).zero_()
    if not events.count:
        return out
    kernel = value_gradient_kernel(grad.dtype, events.value is not None)
    least = _least(events, pattern, pattern.rows)
    run_routine(kernel, pattern.rows, least, **_wired(ordered, pattern), grad=grad, out=out)
    return out


def sparse_input_gradient(pattern: Pattern, weight: Tensor, grad: Tensor) -> Tensor:
    """Gradient to the input: ``dx[r, k] = sum over synapses s of k of weight[s] * grad[r, target[s]]``.

    The pattern itself is read as an event list over the transposed gradient. Returns ``[R, K]``.
    """
    from ranvier.kernels.cpu.events.find import EventList  # circuits never use it
    from ranvier.kernels.cpu.events.gather import gather

    transposed = grad.t().contiguous()
    out = empty([pattern.rows, grad.shape[0]], grad.dtype)
    connections = EventList(pattern.row_pointer, pattern.target, weight, pattern.columns)
    gather(connections, transposed, out, accumulate=False)
    return out.t().contiguous()


def _check(events: EventList, pattern: Pattern, dense: Tensor, name: str) -> None:
    require(dense, name, (events.rows, pattern.columns))
    require(pattern.target, "target", (pattern.synapses,), torch.int32)
    if events.columns != pattern.rows:
        raise ValueError(f"events have {events.columns} columns but the pattern has {pattern.rows} sources")
    if events.value is not None:
        require(events.value, "events.value", (events.count,), dense.dtype)


def _least(events: EventList, pattern: Pattern, rows: int) -> int:
    work = events.count * pattern.synapses // max(1, pattern.rows)
    return _LEAST * rows // max(1, work)


def _wired(events: EventList, pattern: Pattern) -> dict[str, Any]:
    """Events and the synapses they reach, as kernels name them."""
    return {
        "pointer": events.pointer,
        "index": events.index,
        "value": events.value,
        "row_pointer": pattern.row_pointer,
        "target": pattern.target,
        "columns": pattern.columns,
    }


@cache
def scatter_kernel(dtype: torch.dtype, valued: bool = False, code: Code | None = None) -> Routine:
    """Add the values that the events of each row send to rows ``start`` to ``stop`` of ``out``, ``columns`` long.

    Stored numbers are decoded as they are read.
    """
    arrays = _WIRED | code_arrays(code, "weight", "target") | {"out": Array(REAL, None, "columns")}
    told = f"{'_valued' if valued else ''}{'' if code is None else f'_{code.name}'}"
    f = Signature(arrays, _SPAN).open(f"scatter_{scalar(dtype)}{told}", dtype)
    b = f.builder
    pointer, index, value = f["pointer", "index", "value"]
    row_pointer, target, weight, out = f["row_pointer", "target", "weight", "out"]
    start, stop, columns = f.integers()
    (scale,) = decoding(b, code, f, 1, [I64(0)])

    def deliver(row: ir.Value, synapse: ir.Value, factor: ir.Value | None) -> None:
        slot = at(b, row, offset(b, b.load(at(b, target, synapse))))
        if code is None:
            term = b.load(at(b, weight, synapse))
        else:
            term = b.extract_element(load_weight(b, code, scalar(dtype), weight, synapse, 1, *scale), I32(0))
        term = term if factor is None else b.fmul(term, factor, flags=("contract",))
        b.store(b.fadd(b.load(slot), term, flags=("contract",)), slot)

    with counted(b, start, stop) as r:
        row = at(b, out, b.mul(r, columns))
        with counted(b, b.load(at(b, pointer, r)), b.load(at(b, pointer, b.add(r, I64(1))))) as e:
            factor = b.load(at(b, value, e)) if valued else None
            source = offset(b, b.load(at(b, index, e)))
            low, high = (b.load(at(b, row_pointer, b.add(source, I64(i)))) for i in (0, 1))
            even = b.sub(high, b.srem(b.sub(high, low), I64(_AT_ONCE)))
            with counted(b, low, even, _AT_ONCE) as s:
                for i in range(_AT_ONCE):
                    deliver(row, b.add(s, I64(i)), factor)
            with counted(b, even, high) as s:
                deliver(row, s, factor)
    return f.compile()


@cache
def value_gradient_kernel(dtype: torch.dtype, valued: bool) -> Routine:
    """For sources ``start`` to ``stop``; the events come in order of column."""
    real, width = scalar(dtype), lanes(dtype)
    f = _GRADIENT.open(f"value_gradient_{real}{'_valued' if valued else ''}", dtype)
    b = f.builder
    pointer, index, value = f["pointer", "index", "value"]
    row_pointer, target, grad, out = f["row_pointer", "target", "grad", "out"]
    start, stop, columns = f.integers()

    def sum_events(synapse: ir.Value, low: ir.Value, high: ir.Value, wide: int) -> None:
        places = b.load(vector_at(b, target, synapse, wide), align=4)
        total = local(b, ir.Constant(ir.VectorType(real, wide), [0.0] * wide))
        with counted(b, low, high) as e:
            row = at(b, grad, b.mul(offset(b, b.load(at(b, index, e))), columns))
            term = gathered(b, row, places)
            if valued:
                term = b.fmul(term, splat(b, b.load(at(b, value, e)), wide), flags=("contract",))
            b.store(b.fadd(b.load(total), term, flags=("contract",)), total)
        b.store(b.load(total), vector_at(b, out, synapse, wide), align=dtype.itemsize)

    with counted(b, start, stop) as k:
        low, high = (b.load(at(b, pointer, b.add(k, I64(i)))) for i in (0, 1))
        with when(b, b.icmp_signed("<", low, high)):
            first, last = (b.load(at(b, row_pointer, b.add(k, I64(i)))) for i in (0, 1))
            even = b.sub(last, b.srem(b.sub(last, first), I64(width)))
            with counted(b, first, even, width) as s:
                sum_events(s, low, high, width)
            with counted(b, even, last) as s:
                sum_events(s, low, high, 1)
    return f.compile()
