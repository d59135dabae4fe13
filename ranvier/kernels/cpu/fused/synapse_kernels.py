"""Kernels of synapses inside a fused operation whose steps stand in rows of time: gradients to spikes and to weights.

A synapse s of a source reads or writes element ``place[s]`` from the row of the step in which the source fired on: its
delay in rows plus its target. Everything is driven by lists: only listed cells cost anything.
"""

from __future__ import annotations

from functools import cache

import torch
from llvmlite import ir

from ranvier.kernels.cpu.host.operands import lanes, scalar
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.signature import REAL, Array, Signature
from ranvier.kernels.cpu.llvm.functions import I32, I64, at, counted, local, offset, splat, vector_at
from ranvier.kernels.cpu.llvm.memory import gathered, masked_load, masked_store, summed

__all__ = ["collect_kernel", "copy_kernel", "return_kernel"]

_LISTED = {
    "pointer": Array(I64, None),
    "index": Array(I32, None),
    "row_pointer": Array(I64, None),
    "place": Array(I32, None),
}
_RETURN = Signature(
    _LISTED
    | {
        "weight": Array(REAL, "place"),
        "grad": Array(REAL, None, "columns"),
        "out": Array(REAL, None, "sources"),
    },
    ("start", "stop", "columns", "sources"),
)
_COLLECT = Signature(
    _LISTED | {"total": Array(REAL, "place"), "grad": Array(REAL, None, "columns")}, ("start", "stop", "columns")
)
_COPY = Signature(
    {"source": Array(REAL, ...), "out": Array(REAL, None, "columns")}, ("start", "stop", "columns", "stride")
)


@cache
def return_kernel(dtype: torch.dtype) -> Routine:
    """``out[r, k] += sum over synapses s of k of weight[s] * grad[r, place[s]]`` for the listed (r, k).

    ``columns`` elements lead from one row of grad to the next, ``sources`` from one row of out.
    """
    real, width = scalar(dtype), lanes(dtype)
    f = _RETURN.open(f"return_{real}", dtype)
    b = f.builder
    pointer, index, row_pointer, place = f["pointer", "index", "row_pointer", "place"]
    weight, grad, out = f["weight", "grad", "out"]
    start, stop, columns, sources = f.integers()
    vector = ir.VectorType(real, width)
    with counted(b, start, stop) as r:
        row, line = at(b, grad, b.mul(r, columns)), at(b, out, b.mul(r, sources))
        low, high = (b.load(at(b, pointer, b.add(r, I64(i)))) for i in (0, 1))
        with counted(b, low, high) as e:
            source = offset(b, b.load(at(b, index, e)))
            first, last = (b.load(at(b, row_pointer, b.add(source, I64(i)))) for i in (0, 1))
            total = local(b, ir.Constant(vector, [0.0] * width))
            with counted(b, first, last, width) as s:
                inside = _inside(b, b.sub(last, s), width)
                values = gathered(b, row, masked_load(b, vector_at(b, place, s, width), inside), inside)
                term = b.fmul(values, masked_load(b, vector_at(b, weight, s, width), inside), flags=("contract",))
                b.store(b.fadd(b.load(total), term, flags=("contract",)), total)
            slot = at(b, line, source)
            b.store(summed(b, b.load(slot), b.load(total)), slot)
    return f.compile()


@cache
def collect_kernel(dtype: torch.dtype) -> Routine:
    """``total[s] += grad[r, place[s]]`` for the synapses s of all listed (r, k)."""
    real, width = scalar(dtype), lanes(dtype)
    f = _COLLECT.open(f"collect_rows_{real}", dtype)
    b = f.builder
    pointer, index, row_pointer, place = f["pointer", "index", "row_pointer", "place"]
    total, grad = f["total", "grad"]
    start, stop, columns = f.integers()
    with counted(b, start, stop) as r:
        row = at(b, grad, b.mul(r, columns))
        low, high = (b.load(at(b, pointer, b.add(r, I64(i)))) for i in (0, 1))
        with counted(b, low, high) as e:
            source = offset(b, b.load(at(b, index, e)))
            first, last = (b.load(at(b, row_pointer, b.add(source, I64(i)))) for i in (0, 1))
            with counted(b, first, last, width) as s:
                inside = _inside(b, b.sub(last, s), width)
                values = gathered(b, row, masked_load(b, vector_at(b, place, s, width), inside), inside)
                sums = b.fadd(masked_load(b, vector_at(b, total, s, width), inside), values)
                masked_store(b, sums, vector_at(b, total, s, width), inside)
    return f.compile()


@cache
def copy_kernel(dtype: torch.dtype) -> Routine:
    """``out[r, :] = source[r, :]``; ``stride`` elements lead from one row of source to the next."""
    f = _COPY.open(f"copy_rows_{scalar(dtype)}", dtype)
    b = f.builder
    source, out = f["source", "out"]
    start, stop, columns, stride = f.integers()
    with counted(b, start, stop) as r, counted(b, 0, columns) as k:
        value = b.load(at(b, source, b.add(b.mul(r, stride), k)))
        b.store(value, at(b, out, b.add(b.mul(r, columns), k)))
    return f.compile()


def _inside(b: ir.IRBuilder, left: ir.Value, width: int) -> ir.Value:
    """Mask of the first ``left`` lanes."""
    wide = ir.VectorType(I32, width)
    capped = b.select(b.icmp_signed("<", left, I64(width)), left, I64(width))
    return b.icmp_signed("<", ir.Constant(wide, list(range(width))), splat(b, b.trunc(capped, I32), width))
