"""Steps that are left of counters, which circuits keep as the steps at which they end."""

from __future__ import annotations

from functools import cache

import torch
from llvmlite import ir

from ranvier.kernels.cpu.host.carry import KINDS
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.signature import Array, Signature
from ranvier.kernels.cpu.llvm.functions import I32, I64, at, counted, splat, vector_at

__all__ = ["left_kernel"]

_WIDTH = 16


@cache
def left_kernel(dtype: torch.dtype) -> Routine:
    """Writes max(source - span[1], 0) for ``count`` whole numbers of ``dtype``."""
    arrays = {"source": Array(KINDS[dtype], ...), "target": Array(I32, ...), "span": Array(I64, 2)}
    f = Signature(arrays, ("count",)).open(f"left_{dtype}".replace("torch.", ""))
    b = f.builder
    source, target, span = f["source", "target", "span"]
    (count,) = f.integers()
    end, whole = b.trunc(b.load(at(b, span, 1)), I32), b.and_(count, I64(-_WIDTH))

    def left(value: ir.Value, width: int) -> ir.Value:
        kind = ir.VectorType(I32, width) if width > 1 else I32
        value = value if dtype == torch.int32 else b.fptosi(value, kind)
        now, none = (splat(b, x, width) if width > 1 else x for x in (end, I32(0)))
        rest = b.sub(value, now)
        return b.select(b.icmp_signed(">", rest, none), rest, none)

    with counted(b, 0, whole, _WIDTH) as k:
        value = b.load(vector_at(b, source, k, _WIDTH), align=dtype.itemsize)
        b.store(left(value, _WIDTH), vector_at(b, target, k, _WIDTH), align=4)
    with counted(b, whole, count) as k:
        b.store(left(b.load(at(b, source, k)), 1), at(b, target, k))
    return f.compile()
