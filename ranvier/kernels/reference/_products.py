"""Every product in operations of torch: the specification, on any device and in any dtype."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear, max_pool2d

from ranvier.kernels.tasks import (
    AttentionProduct,
    ConvolutionProduct,
    DelayedMatrixProduct,
    DelayedSparseProduct,
    MatrixProduct,
    MaxPool,
    Pattern,
    Propagate,
    SparseProduct,
)

__all__ = ["run_product"]


def run_product(task: Propagate) -> Tensor:
    """The product of a task."""
    return _WAYS[type(task)](*task)


def _sparse(x: Tensor, pattern: Pattern, values: Tensor) -> Tensor:
    out = x.new_zeros(*x.shape[:-1], pattern.columns)
    return out.index_add(-1, pattern.target.to(torch.int64), x[..., pattern.source] * values)


def _delayed_matrix(x: Tensor, taps: Tensor, first: Tensor, history: Tensor) -> Tensor:
    """One plain product for every distinct step."""
    total = x.new_zeros(x.shape[0], x.shape[1], taps.shape[0])
    for steps, place, late in _by_step(x, taps, first, history):
        total = total + linear(late, torch.where(place == steps, taps, 0.0).sum(-1))
    return total


def _delayed_sparse(x: Tensor, pattern: Pattern, taps: Tensor, first: Tensor, history: Tensor) -> Tensor:
    pre, post = pattern.source, pattern.target.to(torch.int64)
    total = x.new_zeros(x.shape[0], x.shape[1], pattern.columns)
    for steps, place, late in _by_step(x, taps, first, history):
        some, tap = torch.nonzero(place == steps, as_tuple=True)
        total = total.index_add(-1, post[some], late[..., pre[some]] * taps[some, tap])
    return total


def _by_step(x: Tensor, taps: Tensor, first: Tensor, history: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
    """For every distinct step: the step, the place of each tap, and ``x`` that many steps earlier."""
    count = x.shape[0]
    place = first.unsqueeze(-1) + torch.arange(taps.shape[-1], device=first.device)
    longest = int(place.max()) if place.numel() else 0
    silent = history.new_zeros(max(0, longest - history.shape[0]), *x.shape[1:])
    whole = torch.cat([silent, history, x])
    past = whole.shape[0] - count
    for steps in torch.unique(place).tolist():
        yield steps, place, whole[past - steps : past - steps + count]


def _convolution(*task: Any) -> Tensor:
    """Torch's autocast rounds the operands of a linear map by itself, but not those of this general form of a convolution."""
    kind = task[0].device.type
    if torch.is_autocast_enabled(kind) and task[0].dtype != torch.float64:
        half = torch.get_autocast_dtype(kind)
        task = (*(None if t is None else t.to(half) for t in task[:3]), *task[3:])
    return torch.convolution(*task)


def _attention(x: Tensor, heads: int, scale: float) -> Tensor:
    """The cheaper order; the scale goes to the smaller matrix."""
    q, k, v = x.unflatten(1, (3, heads, -1)).unbind(1)
    y = v @ k.mT * scale @ q if q.shape[2] <= q.shape[3] else v @ (k.mT @ q * scale)
    return y.flatten(1, 2)


_WAYS: dict[type[Propagate], Callable[..., Tensor]] = {
    MatrixProduct: linear,
    SparseProduct: _sparse,
    DelayedMatrixProduct: _delayed_matrix,
    DelayedSparseProduct: _delayed_sparse,
    ConvolutionProduct: _convolution,
    MaxPool: max_pool2d,
    AttentionProduct: _attention,
}
