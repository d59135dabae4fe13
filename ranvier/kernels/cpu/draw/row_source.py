"""Rows of synapses that are never stored: drawn again, inside a loop, whenever their cell fires."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch

from ranvier.kernels.cpu.draw.rows import (
    RowDraw,
    bernoulli_kernel,
    bernoulli_rows,
    distinct_kernel,
    distinct_rows,
    repeated_kernel,
    repeated_rows,
)
from ranvier.kernels.cpu.llvm.jit import Kernel

__all__ = ["RowSource"]

Tensor = torch.Tensor
_SLACK = 32


@dataclass(frozen=True, eq=False)
class RowSource:
    """``rows`` rows of which each can be drawn by itself.

    ``degree`` is how many targets each row has, one number [1] or one per row; with ``p`` instead every choice is a target
    with that probability. ``multapses`` lets a target come twice. ``draw`` names the stream and the choices; its ``first``
    is 0.
    """

    rows: int
    draw: RowDraw
    degree: np.ndarray = field(default_factory=lambda: np.zeros(1, np.int64))
    p: float | None = None
    multapses: bool = True

    @property
    def kind(self) -> str:
        """Which kernel draws."""
        return "bernoulli" if self.p is not None else "repeated" if self.multapses else "distinct"

    def row(self, k: int) -> np.ndarray:
        """Int32 targets of one row."""
        draw = self.draw._replace(first=k)
        if self.p is not None:
            return bernoulli_rows(draw, 1, self.p)[1]
        pointer = np.array([0, self.degree[k if len(self.degree) > 1 else 0]])
        return (repeated_rows if self.multapses else distinct_rows)(draw, pointer)

    @property
    def kernel(self) -> Kernel:
        """``kernel(pointers, integers, floats)`` draws a row, as :mod:`.rows` says."""
        kernels = {"bernoulli": bernoulli_kernel, "repeated": repeated_kernel, "distinct": distinct_kernel}
        return kernels[self.kind]()

    def tables(self) -> list[Tensor]:
        """New ones: bounds of the row, its targets, and what the kernel is called with: pointers, integers, floats."""
        longest = self.draw.choices if self.p is not None else int(self.degree.max(initial=0))
        bounds = torch.zeros(2, dtype=torch.int64)
        target = torch.zeros(longest + _SLACK, dtype=torch.int32)
        if self.kind == "distinct":
            scratch = torch.zeros(self.draw.choices // 64 + 1, dtype=torch.int64)
        else:
            scratch = torch.zeros(longest + _SLACK if self.kind == "repeated" else 0, dtype=torch.float64)
        pointers = torch.tensor([t.data_ptr() for t in (bounds, target, scratch)])
        draw = self.draw
        integers = torch.tensor([*draw.key, draw.stream, 0, 0, 1, draw.choices, int(draw.barred), 1])
        floats = torch.tensor([0.0 if self.p is None else 1 / np.log1p(-self.p)], dtype=torch.float64)
        return [bounds, target, pointers, integers, floats, scratch]
