"""Operands of a product kernel: their addresses, their types, and how wide they are worked on."""

from __future__ import annotations

import torch
from llvmlite import ir

from ranvier.kernels.cpu.llvm.processor import has_feature

__all__ = ["lanes", "scalar", "vectors"]

_SCALARS = {torch.float32: ir.FloatType(), torch.float64: ir.DoubleType()}
_VECTOR_BYTES = 64


def scalar(dtype: torch.dtype) -> ir.Type:
    """LLVM type of one element of ``dtype`` (float32 or float64)."""
    return _SCALARS[dtype]


def lanes(dtype: torch.dtype) -> int:
    """Elements in a 64-byte vector: 16 of float32, 8 of float64."""
    return _VECTOR_BYTES // dtype.itemsize


def vectors() -> int:
    """How many 64-byte accumulators the register file holds beside the operands."""
    return 16 if has_feature("avx512f") else 4
