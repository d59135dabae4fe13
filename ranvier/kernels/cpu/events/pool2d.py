"""Maximum pooling that keeps one byte per output for its gradient, not the input and an eight-byte index."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from llvmlite import ir
from torch.autograd import Function

from ranvier.kernels.cpu.host.buffers import empty
from ranvier.kernels.cpu.host.derivatives import refuse_second_derivative
from ranvier.kernels.cpu.host.operands import scalar
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.signature import REAL, Array, Signature
from ranvier.kernels.cpu.host.tiles import run_routine
from ranvier.kernels.cpu.llvm.functions import I8, I64, at, counted

__all__ = ["max_pool2d"]

Tensor = torch.Tensor
_LEAST = 1 << 15  # outputs that pay for a tile of their own
_SMALL = 1 << 14  # pixels of which torch takes the maximum at once in less time than a call takes that saves memory
_SIGNATURE = Signature(
    {"image": Array(REAL, ...), "pooled": Array(REAL, ...), "chosen": Array(I8, ...)},
    ("start", "stop", "high", "wide", "rows", "columns"),
)


def max_pool2d(x: Tensor, size: tuple[int, int]) -> Tensor:
    """The largest of each block of ``size`` pixels: ``[..., H, W]`` to ``[..., H // size[0], W // size[1]]``.

    Equal to torch's pooling whose stride is its size, also in which of equal pixels the gradient reaches (the first).
    """
    return torch.max_pool2d(x, size) if x.numel() <= _SMALL else _MaxPool.apply(x, size)


class _MaxPool(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, size: tuple[int, int]) -> Tensor:
        x = x.detach().contiguous()
        high, wide = x.shape[-2] // size[0], x.shape[-1] // size[1]
        out = empty([*x.shape[:-2], high, wide], x.dtype)
        chosen = empty(list(out.shape), torch.uint8)
        _call(_forward(x.dtype, *size), x, out, chosen)
        ctx.save_for_backward(chosen)
        ctx.size, ctx.shape = size, x.shape
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        refuse_second_derivative()
        (chosen,) = ctx.saved_tensors
        grad = grad.contiguous()
        out = empty(list(ctx.shape), grad.dtype)
        if ctx.shape[-2] % ctx.size[0] or ctx.shape[-1] % ctx.size[1]:
            out.zero_()
        _call(_backward(grad.dtype, *ctx.size), out, grad, chosen)
        return out, None


def _call(kernel: Routine, image: Tensor, pooled: Tensor, chosen: Tensor) -> None:
    (high, wide), (rows, columns) = pooled.shape[-2:], image.shape[-2:]
    sizes = {"high": high, "wide": wide, "rows": rows, "columns": columns}
    lines, least = pooled.numel() // max(1, wide), _LEAST // max(1, wide)
    run_routine(kernel, lines, least, image=image, pooled=pooled, chosen=chosen, **sizes)


class _Frame:
    """Rows ``start`` to ``stop`` of pooled pixels and where their blocks begin.

    An image has ``high`` rows of ``wide`` pooled pixels, and ``rows`` rows of ``columns`` pixels of its own.
    """

    def __init__(self, name: str, dtype: torch.dtype, size: tuple[int, int]) -> None:
        self.real, self.size = scalar(dtype), size
        f = self.open = _SIGNATURE.open(f"{name}_{self.real}_{size[0]}x{size[1]}", dtype)
        self.b = f.builder
        self.image, self.pooled, self.chosen = f["image", "pooled", "chosen"]
        self.start, self.stop, self.high, self.wide, self.rows, self.columns = f.integers()

    def each(self):
        """Loop over pooled rows; yields (first pooled pixel, first pixel) of each."""
        b = self.b
        with counted(b, self.start, self.stop) as row:
            image, line = b.sdiv(row, self.high), b.srem(row, self.high)
            above = b.add(b.mul(image, self.rows), b.mul(line, I64(self.size[0])))
            yield b.mul(row, self.wide), b.mul(above, self.columns)

    def pixel(self, first: ir.Value, column: ir.Value, k: int) -> ir.Value:
        """Address of pixel ``k`` of the block of a pooled column."""
        b, (down, across) = self.b, divmod(k, self.size[1])
        place = b.add(b.mul(column, I64(self.size[1])), I64(across))
        return at(b, self.image, b.add(b.add(first, b.mul(self.columns, I64(down))), place))


@cache
def _forward(dtype: torch.dtype, *size: int) -> Routine:
    frame = _Frame("max_pool", dtype, (size[0], size[1]))
    b = frame.b
    for out, first in frame.each():
        with counted(b, 0, frame.wide) as column:
            best, chosen = b.load(frame.pixel(first, column, 0)), I8(0)
            for k in range(1, size[0] * size[1]):
                value = b.load(frame.pixel(first, column, k))
                better = b.or_(b.fcmp_ordered(">", value, best), b.fcmp_unordered("uno", value, value))
                best, chosen = b.select(better, value, best), b.select(better, I8(k), chosen)
            b.store(best, at(b, frame.pooled, b.add(out, column)))
            b.store(chosen, at(b, frame.chosen, b.add(out, column)))
    return frame.open.compile()


@cache
def _backward(dtype: torch.dtype, *size: int) -> Routine:
    frame = _Frame("max_pool_gradient", dtype, (size[0], size[1]))
    b = frame.b
    for out, first in frame.each():
        with counted(b, 0, frame.wide) as column:
            value = b.load(at(b, frame.pooled, b.add(out, column)))
            chosen = b.load(at(b, frame.chosen, b.add(out, column)))
            for k in range(size[0] * size[1]):
                mine = b.select(b.icmp_unsigned("==", chosen, I8(k)), value, frame.real(0.0))
                b.store(mine, frame.pixel(first, column, k))
    return frame.open.compile()
