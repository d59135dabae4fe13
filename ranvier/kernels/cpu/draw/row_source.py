"""Rows of synapses that are never stored: drawn again, inside a loop, whenever their cell fires."""

from __future__ import annotations

import numpy as np
import torch

from ranvier.kernels.cpu.draw.rows import (
    bernoulli_kernel,
    distinct_kernel,
    repeated_kernel,
)
from ranvier.kernels.cpu.llvm.jit import Kernel
from ranvier.kernels.tasks import RowSource

__all__ = ["kernel_of", "tables_of"]

Tensor = torch.Tensor
_SLACK = 32
_KERNELS = {"bernoulli": bernoulli_kernel, "repeated": repeated_kernel, "distinct": distinct_kernel}


def kernel_of(source: RowSource) -> Kernel:
    """``kernel(pointers, integers, floats)`` draws a row, as :mod:`.rows` says."""
    return _KERNELS[source.kind]()


def tables_of(source: RowSource) -> list[Tensor]:
    """New ones: bounds of the row, its targets, and what the kernel is called with: pointers, integers, floats."""
    draw = source.draw
    longest = draw.choices if source.p is not None else int(source.degree.max(initial=0))
    bounds = torch.zeros(2, dtype=torch.int64)
    target = torch.zeros(longest + _SLACK, dtype=torch.int32)
    if source.kind == "distinct":
        scratch = torch.zeros(draw.choices // 64 + 1, dtype=torch.int64)
    else:
        scratch = torch.zeros(longest + _SLACK if source.kind == "repeated" else 0, dtype=torch.float64)
    pointers = torch.tensor([t.data_ptr() for t in (bounds, target, scratch)])
    integers = torch.tensor([*draw.key, draw.stream, 0, 0, 1, draw.choices, int(draw.barred), 1])
    floats = torch.tensor([0.0 if source.p is None else 1 / np.log1p(-source.p)], dtype=torch.float64)
    return [bounds, target, pointers, integers, floats, scratch]
