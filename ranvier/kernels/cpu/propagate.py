"""Products of the cpu provider: spike by spike, or whole."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from torch import Tensor

from ranvier.kernels.reference import run_product
from ranvier.kernels.tasks import (
    AttentionProduct,
    ConvolutionProduct,
    DelayedMatrixProduct,
    DelayedSparseProduct,
    MatrixProduct,
    MaxPool,
    Propagate,
    SparseProduct,
)

__all__ = ["run_by_event", "run_dense"]

_ROOM = "ranvier.kernels.cpu."
_HOLDERS: dict[type[Propagate], tuple[str, str]] = {
    MatrixProduct: ("events.products", "spike_linear"),
    SparseProduct: ("events.products", "sparse_linear"),
    DelayedMatrixProduct: ("delays.products", "delayed_linear"),
    DelayedSparseProduct: ("delays.products", "delayed_sparse"),
    ConvolutionProduct: ("events.convolution", "convolution"),
    MaxPool: ("events.pool2d", "max_pool2d"),
    AttentionProduct: ("events.attention", "attention"),
}


#: those with one way, whatever the plan says of the input
_OWN = frozenset({AttentionProduct, ConvolutionProduct, MaxPool})


class _Ways(dict[type, Callable[..., Tensor]]):
    """The kernel of each product, imported when it is first used."""

    def __missing__(self, kind: type[Propagate]) -> Callable[..., Tensor]:
        module, name = _HOLDERS[kind]
        self[kind] = way = getattr(import_module(_ROOM + module), name)
        return way


_ways = _Ways()


def run_by_event(task: Propagate) -> Tensor:
    """The product, spike by spike; its cost follows the spikes."""
    return _ways[type(task)](*task)


def run_dense(task: Propagate) -> Tensor:
    """The product by the matrix library of torch; some have a way of their own."""
    kind = type(task)
    return _ways[kind](*task) if kind in _OWN else run_product(task)
