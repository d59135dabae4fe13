"""Convolutions of many rows by the library of torch, some rows at a time, so that large results lie in memory that is used again.

A result of many megabytes in fresh memory of the system costs more than the convolution. A part of it stays in the cache
until it is copied to its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import prod
from typing import Any

import torch
from torch.autograd import Function

from ranvier.kernels.cpu.host.buffers import empty
from ranvier.kernels.cpu.host.derivatives import refuse_second_derivative

__all__ = ["AT_ONCE", "convolution"]

Tensor = torch.Tensor
#: bytes of input or result from which memory is reused
_LARGE = 1 << 20
#: bytes of a block that raises the limit of the C library, which goes up to 32 MiB
_KEPT = 31 << 20
#: bytes of input or result that are worked on at once
AT_ONCE = 1 << 21


def convolution(x: Tensor, weight: Tensor, bias: Tensor | None, *sizes: Any, at_once: int = AT_ONCE) -> Tensor:
    """See :class:`ranvier.kernels.tasks.ConvolutionProduct`; ``at_once`` are the bytes of the rows of one call of torch.

    Equal to one call over all rows, but for the order in which the gradients of ``weight`` and ``bias`` are summed over rows.
    """
    shape = _made(x.shape, weight.shape, *sizes)
    each = max(prod(x.shape[1:]), prod(shape)) * x.element_size()
    if len(x) * each < min(_LARGE, at_once):
        return torch.convolution(x, weight, bias, *sizes)
    _let_memory_stay()
    return _Convolution.apply(x, weight, bias, sizes, (len(x), *shape), max(1, at_once // each))


@cache
def _let_memory_stay() -> None:
    """Free a block that nobody has written to: from then on the allocator of the system keeps about twice as much free memory.

    It otherwise gives the parts of a convolution back after each call, in a process that has freed no larger block.
    """
    torch.empty(_KEPT, dtype=torch.uint8)


def _made(
    x: Sequence[int], weight: Sequence[int], stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int],
    transposed: bool, more: Sequence[int], groups: int,
) -> tuple[int, ...]:  # fmt: skip
    """The shape of the result for one row; of no use where torch refuses ``x``."""
    axes = zip(x[2:], weight[2:], stride, padding, dilation, strict=False)
    if transposed:
        space = ((n - 1) * s - 2 * p + d * (k - 1) + 1 for n, k, s, p, d in axes)
        return (weight[1] * groups, *(n + m for n, m in zip(space, more, strict=False)))
    return (weight[0], *((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in axes))


class _Convolution(Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, sizes: Sequence[Any], shape: Sequence[int], rows: int
    ) -> Tensor:
        out = empty(shape, x.dtype)
        for some, part in zip(x.split(rows), out.split(rows), strict=True):
            part.copy_(torch.convolution(some, weight, bias, *sizes))
        ctx.save_for_backward(x, weight)
        ctx.sizes, ctx.rows = sizes, rows
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        refuse_second_derivative()
        x, weight = ctx.saved_tensors
        needed = ctx.needs_input_grad[:3]
        to_x = empty(x.shape, x.dtype) if needed[0] else None
        sums: list[Tensor | None] = [None, None]
        channels = [grad.shape[1]]
        for k, (some, of_out) in enumerate(zip(x.split(ctx.rows), grad.split(ctx.rows), strict=True)):
            own, *others = torch.ops.aten.convolution_backward(of_out, some, weight, channels, *ctx.sizes, needed)
            if to_x is not None:
                to_x[k * ctx.rows : k * ctx.rows + len(some)] = own
            sums = [new if total is None else total.add_(new) for total, new in zip(sums, others, strict=True)]
        return to_x, *sums, None, None, None
