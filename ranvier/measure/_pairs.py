"""Exact numbers of products: of all pairs that an operation multiplies, those without a zero, and those that need a multiplier."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch

from ranvier.kernels.tasks import (
    ConvolutionProduct,
    DelayedMatrixProduct,
    DelayedSparseProduct,
    MatrixProduct,
    Propagate,
    SparseProduct,
)
from ranvier.storages import Stored

__all__ = ["Pairs", "convolved", "each", "matrices", "of_task"]

Tensor = torch.Tensor
#: a sum of products of two tensors of zeros and ones, as a number; bilinear
Total = Callable[[Tensor, Tensor], Tensor]


class Pairs(NamedTuple):
    """Multiplications with additions, plain additions, and both together if no number were 0."""

    macs: int = 0
    acs: int = 0
    dense: int = 0

    def __add__(self, other: object) -> Pairs:
        if not isinstance(other, Pairs):
            return NotImplemented
        return Pairs(self.macs + other.macs, self.acs + other.acs, self.dense + other.dense)


def each(a: Tensor, b: Tensor, total: Total) -> Pairs:
    """The pairs of numbers of ``a`` and ``b`` that ``total`` multiplies and adds up.

    A pair with a 0 costs nothing, one with a 1 or -1 an addition, any other a multiplication with an addition.
    """
    some = _whole(total(_ones(a != 0), _ones(b != 0)))
    macs = _whole(total(_ones(_graded(a)), _ones(_graded(b))))
    return Pairs(
        macs,
        some - macs,
        _whole(total(torch.ones_like(a, dtype=torch.float64), torch.ones_like(b, dtype=torch.float64))),
    )


def matrices(a: Tensor, b: Tensor) -> Pairs:
    """[…, n, k] by […, k, m]."""
    return each(a, b, lambda a, b: (a.sum(-2) * b.sum(-1)).sum())


def convolved(x: Tensor, weight: Tensor, *how: object) -> Pairs:
    """A convolution; zeros that pad meet no weight. ``how`` is stride, padding, dilation, transposed, output padding and groups."""
    return each(x, weight, lambda x, w: torch.convolution(x.sum(0, keepdim=True), w, None, *how).sum())  # pyright: ignore[reportArgumentType]


def of_task(task: Propagate) -> Pairs:
    """A product of a network."""
    match task:
        case MatrixProduct(x, weight):
            return matrices(x.reshape(-1, x.shape[-1]), _floats(weight).T)
        case SparseProduct(x, pattern, values):
            return each(x.reshape(-1, x.shape[-1]), _floats(values), lambda x, v: x.sum(0)[pattern.source] @ v)
        case DelayedMatrixProduct(x, taps, first, history):
            return _late(x, history, taps, first, torch.arange(x.shape[-1]))
        case DelayedSparseProduct(x, pattern, taps, first, history):
            return _late(x, history, taps, first, pattern.source)
        case ConvolutionProduct() as product:
            return convolved(product.x, product.weight, *product[3:])
        case _:
            return Pairs()


def _late(x: Tensor, history: Tensor, taps: Tensor, first: Tensor, source: Tensor) -> Pairs:
    """Taps [..., W] on steps from ``first`` [...] on, of the cells ``source`` [...] of ``x`` [T, B, pre]."""
    place = first.to(torch.int64).unsqueeze(-1) + torch.arange(taps.shape[-1])
    deepest = int(place.max()) if place.numel() else 0
    silent = history.new_zeros(max(0, deepest - history.shape[0]), *x.shape[1:])
    whole = torch.cat([silent, history, x])
    past, steps = whole.shape[0] - x.shape[0], x.shape[0]

    def met(x: Tensor, taps: Tensor) -> Tensor:
        late = torch.stack(
            [x[past - k : past - k + steps].sum((0, 1)) for k in range(deepest + 1)]
        )  # [steps of delay, pre]
        return (late[place, source.unsqueeze(-1)] * taps).sum()

    return each(whole, taps, met)


def _floats(weight: Tensor | Stored) -> Tensor:
    return weight.decode() if isinstance(weight, Stored) else weight


def _graded(x: Tensor) -> Tensor:
    """Numbers other than 0, 1 and -1."""
    return (x != 0) & (x.abs() != 1)


def _ones(mask: Tensor) -> Tensor:
    return mask.to(torch.float64)


def _whole(x: Tensor) -> int:
    return round(float(x))
