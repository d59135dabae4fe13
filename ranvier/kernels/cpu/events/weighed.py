"""A dense product for every head of an attention, in registers and straight to its place."""

from __future__ import annotations

from functools import cache

import torch
from llvmlite import ir

from ranvier.kernels.cpu.events.tile import first_lanes, first_line, spread_scale, vector_lanes, write
from ranvier.kernels.cpu.host.operands import scalar
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.signature import REAL, Array, Signature
from ranvier.kernels.cpu.llvm.functions import I64, at, counted, local, splat, vector_at, when
from ranvier.kernels.cpu.llvm.memory import masked_load

__all__ = ["weighed_kernel"]

_WEIGHED = Signature(
    {"matrix": Array(REAL, ...), "given": Array(REAL, ...), "tokens": Array(REAL, ...)},
    ("start", "stop", "heads", "width", "stride", "length", "parts", "part"),
    ("scale",),
)


@cache
def weighed_kernel(dtype: torch.dtype) -> Routine:
    """``tokens[i, n]`` = scale * sum over j of ``matrix[i, j] * given[j, n]``, ``given`` [groups, width, length]: dense, in registers."""
    real, lanes, rows_at_once = scalar(dtype), vector_lanes(dtype), 4
    f = _WEIGHED.open(f"bits_weighed_{real}", dtype)
    b = f.builder
    matrix, given, tokens = f["matrix", "given", "tokens"]
    start, stop, heads, width, stride, length, parts, part = f.integers()
    factor = spread_scale(b, f["scale"], real, lanes)
    zero = ir.Constant(ir.VectorType(real, lanes), [0.0] * lanes)
    some, whole = b.and_(width, I64(-rows_at_once)), b.and_(length, I64(-lanes))
    pairs, rest = b.and_(length, I64(-2 * lanes)), b.sub(length, whole)
    mask = first_lanes(b, rest, lanes)
    with counted(b, start, stop) as group:
        line = first_line(b, group, heads, width, parts, part)

        def block(i: ir.Value, several: int, n: ir.Value, vectors: int, mask: ir.Value | None = None) -> None:
            sums = [[local(b, zero) for _ in range(vectors)] for _ in range(several)]
            with counted(b, 0, width) as j:
                first = b.add(b.mul(b.add(b.mul(group, width), j), length), n)
                places = [vector_at(b, given, b.add(first, I64(k * lanes)), lanes) for k in range(vectors)]
                values = [b.load(p, align=dtype.itemsize) if mask is None else masked_load(b, p, mask) for p in places]
                for k, totals in enumerate(sums):
                    row = b.mul(b.add(b.mul(group, width), b.add(i, I64(k))), stride)
                    weight = splat(b, b.load(at(b, matrix, b.add(row, j))), lanes)
                    for total, value in zip(totals, values, strict=True):
                        product = b.fmul(weight, value, flags=("contract",))
                        b.store(b.fadd(b.load(total), product, flags=("contract",)), total)
            for k, totals in enumerate(sums):
                first = b.add(b.mul(b.add(line, b.add(i, I64(k))), length), n)
                for v, total in enumerate(totals):
                    place = vector_at(b, tokens, b.add(first, I64(v * lanes)), lanes)
                    write(b, b.fmul(b.load(total), factor), place, mask, dtype.itemsize)

        def all_tokens(i: ir.Value, several: int) -> None:
            with counted(b, 0, pairs, 2 * lanes) as n:
                block(i, several, n, 2)
            with counted(b, pairs, whole, lanes) as n:
                block(i, several, n, 1)
            with when(b, b.icmp_signed(">", rest, I64(0))):
                block(i, several, whole, 1, mask)

        with counted(b, 0, some, rows_at_once) as i:
            all_tokens(i, rows_at_once)
        with counted(b, some, width) as i:
            all_tokens(i, 1)
    return f.compile()
