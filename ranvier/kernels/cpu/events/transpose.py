"""Turn a matrix: torch copies a transposed view element by element, which costs as much as a product by event."""

from __future__ import annotations

from functools import cache

import torch
from llvmlite import ir

from ranvier.kernels.cpu.host.buffers import empty
from ranvier.kernels.cpu.host.operands import lanes, scalar
from ranvier.kernels.cpu.llvm.functions import I32, I64, at, counted, function, vector_at
from ranvier.kernels.cpu.llvm.jit import Kernel, compile_kernel

__all__ = ["transposed"]

Tensor = torch.Tensor


def transposed(matrix: Tensor) -> Tensor:
    """A contiguous ``[K, N]`` copy of ``[N, K]``."""
    matrix = matrix.contiguous()
    rows, columns = matrix.shape
    out = empty([columns, rows], matrix.dtype)
    _kernel(matrix.dtype)([matrix.data_ptr(), out.data_ptr()], [rows, columns])
    return out


@cache
def _kernel(dtype: torch.dtype) -> Kernel:
    """Pointers: matrix, out. Integers: rows, columns of the matrix."""
    real, width = scalar(dtype), lanes(dtype)
    f = function(f"transpose_{real}")
    b = f.builder
    matrix, out = f.pointers(0, real), f.pointers(1, real)
    rows, columns = f.integer(0), f.integer(1)
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
    return compile_kernel(f.module.name, f.text())
