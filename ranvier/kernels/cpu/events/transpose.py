"""Turn a matrix: torch copies a transposed view element by element, which costs as much as a product by event."""

from __future__ import annotations

from functools import cache

import torch
from llvmlite import ir

from ranvier.kernels.cpu.host.buffers import empty
from ranvier.kernels.cpu.host.operands import lanes, scalar
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.signature import REAL, Array, Signature
from ranvier.kernels.cpu.llvm.functions import I32, I64, at, counted, vector_at

__all__ = ["transpose_kernel", "transposed"]

Tensor = torch.Tensor
_SIGNATURE = Signature(
    {"matrix": Array(REAL, "rows", "columns"), "out": Array(REAL, "columns", "rows")}, ("rows", "columns")
)


def transposed(matrix: Tensor) -> Tensor:
    """A contiguous ``[K, N]`` copy of ``[N, K]``."""
    matrix = matrix.contiguous()
    rows, columns = matrix.shape
    out = empty([columns, rows], matrix.dtype)
    transpose_kernel(matrix.dtype).run(matrix=matrix, out=out, rows=rows, columns=columns)
    return out


@cache
def transpose_kernel(dtype: torch.dtype) -> Routine:
    """The kernel that writes ``matrix`` [rows, columns] to ``out`` [columns, rows]."""
    real, width = scalar(dtype), lanes(dtype)
    f = _SIGNATURE.open(f"transpose_{real}", dtype)
    b = f.builder
    matrix, out, rows, columns = f["matrix", "out", "rows", "columns"]
    whole = b.and_(rows, I64(-width))
    with counted(b, 0, whole, width) as row, counted(b, 0, columns) as column:
        lines = [b.load(at(b, matrix, b.add(b.mul(b.add(row, I64(k)), columns), column))) for k in range(width)]
        vector: ir.Value = ir.Constant(ir.VectorType(real, width), ir.Undefined)
        for k, value in enumerate(lines):
            vector = b.insert_element(vector, value, I32(k))
        b.store(vector, vector_at(b, out, b.add(b.mul(column, rows), row), width), align=dtype.itemsize)
    with counted(b, whole, rows) as row, counted(b, 0, columns) as column:
        value = b.load(at(b, matrix, b.add(b.mul(row, columns), column)))
        b.store(value, at(b, out, b.add(b.mul(column, rows), row)))
    return f.compile()
