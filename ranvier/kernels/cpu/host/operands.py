"""What a product kernel may be given: float32 or float64 tensors on the CPU, and how wide they are worked on."""

from __future__ import annotations

import torch
from llvmlite import ir
from torch import Tensor

from ranvier.kernels.cpu.llvm.jit import has_feature

__all__ = ["address", "lanes", "require", "scalar", "vectors"]

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


def address(tensor: Tensor | None) -> int:
    """Address of the first element; 0 for no tensor."""
    return 0 if tensor is None else tensor.data_ptr()


def require(tensor: Tensor, name: str, shape: tuple[int | None, ...], dtype: torch.dtype | None = None) -> None:
    """Check a kernel operand before its address is taken.

    ``shape`` gives each expected length, ``None`` where any length is fine.

    Raises
    ------
    TypeError
        Not float32 or float64 (or not ``dtype``).
    ValueError
        Not on the CPU, not contiguous, or of another shape.
    """
    if tensor.device.type != "cpu":
        raise ValueError(f"{name} is on {tensor.device}; the cpu products need it on the CPU: use {name}.cpu()")
    if dtype is None and tensor.dtype not in _SCALARS:
        raise TypeError(f"{name} has dtype {tensor.dtype}; use {name}.float() or {name}.double()")
    if dtype is not None and tensor.dtype != dtype:
        raise TypeError(f"{name} has dtype {tensor.dtype}, expected {dtype}: use {name}.to({dtype})")
    fits = tensor.ndim == len(shape) and all(s is None or s == n for s, n in zip(shape, tensor.shape, strict=False))
    if not fits:
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise ValueError(f"{name} has shape {tuple(tensor.shape)}, expected ({wanted})")
    if not tensor.is_contiguous():
        raise ValueError(f"{name} with strides {tensor.stride()} is not contiguous: use {name}.contiguous()")
