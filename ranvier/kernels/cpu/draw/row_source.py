"""Rows of synapses that are never stored: drawn again, inside a circuit, whenever their cell fires."""

from __future__ import annotations

import numpy as np
import torch

from ranvier.kernels.cpu.draw.rows import bernoulli_kernel, distinct_kernel, numbers_of, repeated_kernel
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.tasks import RowSource

__all__ = ["kernel_for", "kernel_of", "longest_of", "tables_of"]

Tensor = torch.Tensor
_SLACK = 32
_KERNELS = {"bernoulli": bernoulli_kernel, "repeated": repeated_kernel, "distinct": distinct_kernel}


def kernel_of(source: RowSource) -> Routine:
    """The kernel that draws a row."""
    return kernel_for(source.kind)


def kernel_for(kind: str) -> Routine:
    """The kernel that draws rows of a kind."""
    return _KERNELS[kind]()


def longest_of(source: RowSource) -> int:
    """Targets that a row may have."""
    return source.draw.choices if source.p is not None else int(source.degree.max(initial=0))


def tables_of(source: RowSource, rows: int = 1) -> list[Tensor]:
    """New tables: bounds of the row, targets with room for ``rows``, and the arguments of the kernel (pointers, integers,
    floats)."""
    draw, longest = source.draw, longest_of(source)
    bounds = torch.zeros(2, dtype=torch.int64)
    target = torch.empty(rows * longest + _SLACK, dtype=torch.int32)
    if source.kind == "distinct":
        scratch = torch.zeros(draw.choices // 64 + 1, dtype=torch.int64)
    elif source.kind == "repeated":
        scratch = torch.zeros(longest + _SLACK, dtype=torch.float64)
    else:
        scratch = torch.zeros(0, dtype=torch.int64)
    given = {"row_pointer": bounds, "target": target, "scratch": scratch, **numbers_of(draw._replace(first=0))}
    given |= {} if source.p is None else {"scale": 1 / np.log1p(-source.p)}
    pointers, integers, floats = kernel_of(source).pack(**given, start=0, stop=1, write=1)
    tables = [torch.tensor(pointers), torch.tensor(integers), torch.tensor(floats, dtype=torch.float64)]
    return [bounds, target, *tables, scratch]
