"""Attention between spikes without a multiplication: bits are counted, and rows of these counts are added where a query fires.

In a head, with q, k, v [d, N] of zeros and ones and y = scale * (v k^T) q, the matrix v k^T counts in how many tokens two channels
fire together. Column n of y is the sum of its columns c over the channels c that fire in token n of q. So all sums are whole
numbers, and the scale rounds each of them once. Of the input only its bits are kept for the gradients.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from ranvier.kernels.cpu.events.bits import bits
from ranvier.kernels.cpu.events.pairs import collected_kernel, counted_kernel, spread_kernel
from ranvier.kernels.cpu.events.tile import vector_lanes
from ranvier.kernels.cpu.events.weighed import weighed_kernel
from ranvier.kernels.cpu.host.buffers import empty
from ranvier.kernels.cpu.host.derivatives import refuse_second_derivative
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.tiles import run_routine
from ranvier.kernels.reference import run_product
from ranvier.kernels.tasks import AttentionProduct

__all__ = ["SMALL", "attention"]

#: numbers of which torch makes the products in less time than the calls of kernels take
SMALL = 1 << 15
_Q, _K, _V = range(3)
_LEAST = 1 << 18  # products of channels and tokens that pay for a tile of their own
_MOST = 8  # vectors of a row that a call of a kernel works on


def attention(x: Tensor, heads: int, scale: float, *, small: int = SMALL) -> Tensor:
    """See :class:`ranvier.kernels.tasks.AttentionProduct`; up to ``small`` numbers are few.

    Dense where a head has more channels than tokens, so that counting costs more. Few numbers, and numbers other than 0 and 1, go
    through dense products as well, whose sums of whole numbers are the same to the last bit.
    """
    rows, channels, length = x.shape
    if channels > 3 * heads * length:
        return run_product(AttentionProduct(x, heads, scale))
    words = None if x.numel() <= small else bits(x.detach().contiguous().view(rows * channels, length))
    return _dense(x, heads, scale) if words is None else _Attention.apply(x, words, heads, scale)


def _dense(x: Tensor, heads: int, scale: float) -> Tensor:
    """Scaled in the end: whole numbers are rounded once, as they are by event."""
    q, k, v = x.unflatten(1, (3, heads, -1)).unbind(1)
    return (v @ k.mT @ q * scale).flatten(1, 2)


class _Attention(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, words: Tensor, heads: int, scale: float) -> Tensor:
        groups = _Groups(words, x.shape, heads)
        counts = groups.counted(_K, _V, x.dtype)
        out = empty([groups.rows, groups.channels, groups.length], x.dtype)
        groups.spread(counts, _Q, out, 0, scale)
        ctx.save_for_backward(words, counts)
        ctx.shape, ctx.heads, ctx.scale = x.shape, heads, scale
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """With D = dy q^T: dq = (v k^T)^T dy, dv = D k, dk = D^T v, each times the scale."""
        refuse_second_derivative()
        words, counts = ctx.saved_tensors
        groups, grad = _Groups(words, ctx.shape, ctx.heads), grad.contiguous()
        width, out = groups.width, empty(ctx.shape, grad.dtype)
        groups.weighed(counts, grad, out, _Q, ctx.scale)
        arrived = groups.collected(grad, _Q, ctx.scale)
        groups.spread(arrived, _K, out, _V, 1.0)
        turned = torch.zeros_like(arrived)
        turned[:, :, :width] = arrived[:, :, :width].mT
        groups.spread(turned, _V, out, _K, 1.0)
        return out, None, None, None


class _Groups:
    """The heads of all rows of x [rows, 3C, N], whose bits are ``words``."""

    def __init__(self, words: Tensor, shape: torch.Size, heads: int) -> None:
        self.words, self.heads = words, heads
        self.rows, self.length = shape[0], shape[2]
        self.channels = shape[1] // 3
        self.width = self.channels // heads

    def counted(self, of_rows: int, of_columns: int, dtype: torch.dtype) -> Tensor:
        """[groups, d, d and a rest]: in how many tokens channels of two operands fire together."""
        matrix = self._matrix(dtype)
        self._run(counted_kernel(dtype), matrix, of_rows=of_rows, of_columns=of_columns)
        return matrix

    def spread(self, matrix: Tensor, operand: int, tokens: Tensor, part: int, scale: float) -> None:
        """Write ``part`` of ``tokens`` [rows, parts, C, N]: in each token the rows of ``matrix`` whose channels of ``operand`` fire, summed."""
        parts = tokens.shape[1] // self.channels
        how = {"tokens": tokens, "operand": operand, "length": self.length, "parts": parts, "part": part}
        for first, count in self._pieces(matrix):
            self._run(spread_kernel(matrix.dtype, count), matrix, first=first, scale=scale, **how)

    def collected(self, tokens: Tensor, operand: int, scale: float) -> Tensor:
        """[groups, d, d and a rest]: row i is the sum of ``tokens`` [rows, C, N] where channel i of ``operand`` fires."""
        matrix = self._matrix(tokens.dtype)
        how = {"tokens": tokens, "operand": operand, "length": self.length, "parts": 1, "part": 0}
        for first, count in self._pieces(matrix):
            self._run(collected_kernel(matrix.dtype, count), matrix, first=first, scale=scale, **how)
        return matrix

    def weighed(self, matrix: Tensor, given: Tensor, tokens: Tensor, part: int, scale: float) -> None:
        """Write ``part`` of ``tokens`` [rows, 3, C, N]: in each token the product of ``matrix`` with ``given`` [rows, C, N]."""
        sizes = {"heads": self.heads, "width": self.width, "stride": matrix.shape[2], "length": self.length}
        how = {"tokens": tokens, "parts": 3, "part": part, "scale": scale}
        least = _LEAST // max(1, self.width * self.width * self.length)
        run_routine(
            weighed_kernel(matrix.dtype), self.rows * self.heads, least, matrix=matrix, given=given, **sizes, **how
        )

    def _matrix(self, dtype: torch.dtype) -> Tensor:
        lanes = vector_lanes(dtype)
        return empty([self.rows * self.heads, self.width, -(-self.width // lanes) * lanes], dtype)

    @staticmethod
    def _pieces(matrix: Tensor) -> list[tuple[int, int]]:
        """Where some vectors of a row begin, and how many there are."""
        lanes = vector_lanes(matrix.dtype)
        vectors = matrix.shape[2] // lanes
        return [(k * lanes, min(_MOST, vectors - k)) for k in range(0, vectors, _MOST)]

    def _run(self, kernel: Routine, matrix: Tensor, **how: Any) -> None:
        sizes = {"heads": self.heads, "width": self.width, "words": self.words.shape[1], "operands": 3}
        least = _LEAST // max(1, self.width * self.width * self.words.shape[1])
        run_routine(
            kernel,
            self.rows * self.heads,
            least,
            bits=self.words,
            matrix=matrix,
            stride=matrix.shape[2],
            **sizes,
            **how,
        )
