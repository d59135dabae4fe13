"""Input gradient ``grad @ weight``, a few rows at a time: dense and sparse products inside a fused operation.

``out[r, :] = initial[r, :] + grad[r, :] @ weight``; blocks of rows share each line of the weights, sums stay in registers.
"""

from __future__ import annotations

from functools import cache

import torch
from llvmlite import ir

from ranvier.kernels.cpu.host.operands import lanes, scalar
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.signature import REAL, Array, Signature
from ranvier.kernels.cpu.llvm.functions import (
    I32,
    I64,
    at,
    counted,
    local,
    offset,
    splat,
    vector_at,
)
from ranvier.kernels.cpu.llvm.memory import gathered, summed
from ranvier.kernels.cpu.llvm.processor import has_feature

__all__ = ["dense_kernel", "sparse_kernel"]

_DENSE = Signature(
    {
        "grad": Array(REAL, None, "depth"),
        "weight": Array(REAL, "depth", "columns"),
        "initial": Array(REAL, ...),
        "out": Array(REAL, None, "columns"),
    },
    ("start", "stop", "depth", "columns", "stride"),
)
_SPARSE = Signature(
    {
        "grad": Array(REAL, None, "columns"),
        "row_pointer": Array(I64, None),
        "target": Array(I32, None),
        "weight": Array(REAL, "target"),
        "initial": Array(REAL, ...),
        "out": Array(REAL, None, "sources"),
    },
    ("start", "stop", "columns", "sources", "stride"),
)


def _block() -> tuple[int, int]:
    """Rows and vectors of a block that fit the registers beside the operands."""
    return (8, 3) if has_feature("avx512f") else (4, 1)


@cache
def dense_kernel(dtype: torch.dtype) -> Routine:
    """Any number of rows and columns: blocks of both first, smaller ones for the rest.

    Rows ``start`` to ``stop``; ``stride`` elements lead from one row of initial to the next.
    """
    real, width = scalar(dtype), lanes(dtype)
    most, held = _block()
    f = _DENSE.open(f"hand_back_{real}", dtype)
    b = f.builder
    grad, weight, initial, out = f["grad", "weight", "initial", "out"]
    start, stop, depth, columns, stride = f.integers()

    def product(row: ir.Value, rows: int, column: ir.Value, count: int, wide: int) -> None:
        def place(base: ir.Value, k: int) -> ir.Value:
            here = at(b, base, b.add(column, I64(k * wide)))
            return here if wide == 1 else vector_at(b, here, 0, wide)

        starts = [at(b, initial, b.mul(b.add(row, I64(k)), stride)) for k in range(rows)]
        sums = [[local(b, b.load(place(s, v), align=dtype.itemsize)) for v in range(count)] for s in starts]
        sources = [at(b, grad, b.mul(b.add(row, I64(k)), depth)) for k in range(rows)]
        with counted(b, 0, depth) as n:
            line = at(b, weight, b.mul(n, columns))
            vectors = [b.load(place(line, v), align=dtype.itemsize) for v in range(count)]
            for source, totals in zip(sources, sums, strict=True):
                value = b.load(at(b, source, n))
                factor = value if wide == 1 else splat(b, value, wide)
                for vector, total in zip(vectors, totals, strict=True):
                    term = b.fmul(factor, vector, flags=("contract",))
                    b.store(b.fadd(b.load(total), term, flags=("contract",)), total)
        for k, totals in enumerate(sums):
            line = at(b, out, b.mul(b.add(row, I64(k)), columns))
            for v, total in enumerate(totals):
                b.store(b.load(total), place(line, v), align=dtype.itemsize)

    position = I64(0)
    for count, wide in ((held, width), (1, width), (1, 1)):
        step = count * wide
        end = b.add(position, b.sub(b.sub(columns, position), b.srem(b.sub(columns, position), I64(step))))
        with counted(b, position, end, step) as column:
            row = start
            for rows in (most, 1):
                last = b.add(row, b.sub(b.sub(stop, row), b.srem(b.sub(stop, row), I64(rows))))
                with counted(b, row, last, rows) as r:
                    product(r, rows, column, count, wide)
                row = last
        position = end
    return f.compile()


@cache
def sparse_kernel(dtype: torch.dtype) -> Routine:
    """The same over single synapses: ``out[r, k] = initial[r, k] + sum over synapses s of k of weight[s] grad[r, target[s]]``."""
    real, width = scalar(dtype), lanes(dtype)
    f = _SPARSE.open(f"hand_back_sparse_{real}", dtype)
    b = f.builder
    grad, weight, initial, out = f["grad", "weight", "initial", "out"]
    row_pointer, target = f["row_pointer", "target"]
    start, stop, columns, sources, stride = f.integers()
    vector = ir.VectorType(real, width)
    with counted(b, start, stop) as r:
        row = at(b, grad, b.mul(r, columns))
        with counted(b, 0, sources) as k:
            low, high = (b.load(at(b, row_pointer, b.add(k, I64(i)))) for i in (0, 1))
            even = b.sub(high, b.srem(b.sub(high, low), I64(width)))
            total = local(b, ir.Constant(vector, [0.0] * width))
            with counted(b, low, even, width) as s:
                values = gathered(b, row, b.load(vector_at(b, target, s, width), align=4))
                strengths = b.load(vector_at(b, weight, s, width), align=dtype.itemsize)
                term = b.fmul(values, strengths, flags=("contract",))
                b.store(b.fadd(b.load(total), term, flags=("contract",)), total)
            begin = b.load(at(b, initial, b.add(b.mul(r, stride), k)))
            rest = local(b, summed(b, begin, b.load(total)))
            with counted(b, even, high) as s:
                value = b.load(at(b, row, offset(b, b.load(at(b, target, s)))))
                term = b.fmul(value, b.load(at(b, weight, s)), flags=("contract",))
                b.store(b.fadd(b.load(rest), term, flags=("contract",)), rest)
            b.store(b.load(rest), at(b, out, b.add(b.mul(r, sources), k)))
    return f.compile()
