"""Products: a projection carries emissions of many steps to arrivals in one call."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor

from ranvier.kernels.tasks._pattern import Pattern
from ranvier.storages import Stored

__all__ = [
    "AttentionProduct",
    "ConvolutionProduct",
    "DelayedMatrixProduct",
    "DelayedSparseProduct",
    "MatrixProduct",
    "MaxPool",
    "Propagate",
    "SparseProduct",
    "decoded",
]


class MatrixProduct(NamedTuple):
    """``x @ weight.T + bias``: ``x`` [..., K], ``weight`` [N, K], ``bias`` [N] or None; gives [..., N]."""

    x: Tensor
    weight: Tensor | Stored
    bias: Tensor | None = None


class SparseProduct(NamedTuple):
    """``out[target[s]] += values[s] * x[source]`` over the synapses s of ``pattern``: ``x`` [..., K], ``values`` [synapses].

    Gives [..., N].
    """

    x: Tensor
    pattern: Pattern
    values: Tensor | Stored


class DelayedMatrixProduct(NamedTuple):
    """A matrix with a latency, and some taps in time, for every entry.

    ``out[t, b, n] = sum over k and j of taps[n, k, j] * x[t - first[n, k] - j, b, k]``: ``x`` [T, B, K], ``taps`` [N, K, W],
    int32 ``first`` [N, K] in steps. ``history`` [D, B, K] holds the steps before ``x``; earlier ones are silent.
    """

    x: Tensor
    taps: Tensor
    first: Tensor
    history: Tensor


class DelayedSparseProduct(NamedTuple):
    """The same over the synapses of ``pattern``: ``taps`` [synapses, W], int32 ``first`` [synapses]."""

    x: Tensor
    pattern: Pattern
    taps: Tensor
    first: Tensor
    history: Tensor


class ConvolutionProduct(NamedTuple):
    """A convolution, or with ``transposed`` what spreads each number over a window, as torch defines both.

    ``x`` [rows, in, …], ``weight`` [out, in/groups, …] or transposed [in, out/groups, …], ``bias`` [out] or None; gives
    [rows, out, …]. The other fields have a number for each axis of space.
    """

    x: Tensor
    weight: Tensor
    bias: Tensor | None
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    transposed: bool = False
    output_padding: tuple[int, ...] = (0,)
    groups: int = 1


class MaxPool(NamedTuple):
    """The largest of each block of ``size`` pixels: ``x`` [rows, channels, H, W]."""

    x: Tensor
    size: tuple[int, int]


class AttentionProduct(NamedTuple):
    """``scale * q (k^T v)`` in each of some ``heads``: ``x`` [rows, 3C, N] holds q, k and v side by side; gives [rows, C, N]."""

    x: Tensor
    heads: int
    scale: float


Propagate = (
    MatrixProduct
    | SparseProduct
    | DelayedMatrixProduct
    | DelayedSparseProduct
    | ConvolutionProduct
    | MaxPool
    | AttentionProduct
)


def decoded(task: Propagate) -> Propagate:
    """With floats in the place of stored numbers."""
    parts: dict[str, Any] = {
        n: part.decode() for n, part in zip(task._fields, task, strict=True) if isinstance(part, Stored)
    }
    return task._replace(**parts) if parts else task
