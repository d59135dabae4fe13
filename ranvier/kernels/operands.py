"""Checks of a task's operands: tensors of the expected shape and type, contiguous in memory, and the range of their numbers."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["extent", "require"]

_FLOATS = (torch.float32, torch.float64)


def extent(values: Tensor) -> tuple[int, int]:
    """The least and the greatest of whole numbers, one at least.

    NumPy reads a tensor on the CPU once at the speed of memory. Torch would first wake a pool of threads, which takes
    longer than the reading, and tens of milliseconds on a busy machine.
    """
    if not values.is_cpu:
        return int(values.amin()), int(values.amax())
    seen = values.numpy()
    return int(seen.min()), int(seen.max())


def require(
    tensor: Tensor, name: str, shape: tuple[int | None, ...], dtype: torch.dtype | None = None, anywhere: bool = False
) -> None:  # fmt: skip
    """Check a kernel operand before its address is taken.

    ``shape`` gives each expected length, ``None`` where any length is fine. ``anywhere`` allows every device.

    Raises
    ------
    TypeError
        Not float32 or float64 (or not ``dtype``).
    ValueError
        Not on the CPU, not contiguous, or of another shape.
    """
    if (tensor.is_cpu or anywhere) and tensor.is_contiguous() and tensor.dim() == len(shape):
        known = tensor.dtype in _FLOATS if dtype is None else tensor.dtype == dtype
        if known and all([n is None or n == length for n, length in zip(shape, tensor.shape, strict=True)]):
            return  # from here on, find the error to name
    if tensor.device.type != "cpu" and not anywhere:
        raise ValueError(f"{name} is on {tensor.device}; the cpu products need it on the CPU: use {name}.cpu()")
    if dtype is None and tensor.dtype not in _FLOATS:
        raise TypeError(f"{name} has dtype {tensor.dtype}; use {name}.float() or {name}.double()")
    if dtype is not None and tensor.dtype != dtype:
        raise TypeError(f"{name} has dtype {tensor.dtype}, expected {dtype}: use {name}.to({dtype})")
    fits = tensor.ndim == len(shape) and all(s is None or s == n for s, n in zip(shape, tensor.shape, strict=False))
    if not fits:
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise ValueError(f"{name} has shape {tuple(tensor.shape)}, expected ({wanted})")
    if not tensor.is_contiguous():
        raise ValueError(f"{name} with strides {tensor.stride()} is not contiguous: use {name}.contiguous()")
