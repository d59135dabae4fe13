"""Spike-driven products by provider-neutral names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier._pages import page

if TYPE_CHECKING:
    from ranvier.kernels.cpu._delay_loop import DelayedFeedback
    from ranvier.kernels.cpu._delay_products import delayed_linear, delayed_sparse
    from ranvier.kernels.cpu._pool2d import max_pool2d
    from ranvier.kernels.cpu._products import sparse_linear, spike_linear
    from ranvier.kernels.cpu._sparse import Pattern, pattern

__all__ = [
    "DelayedFeedback",
    "Pattern",
    "delayed_linear",
    "delayed_sparse",
    "max_pool2d",
    "pattern",
    "sparse_linear",
    "spike_linear",
]

# Public name -> the module that holds it.
_PUBLIC: dict[str, str] = {
    "DelayedFeedback": "ranvier.kernels.cpu._delay_loop",
    "Pattern": "ranvier.kernels.cpu._sparse",
    "delayed_linear": "ranvier.kernels.cpu._delay_products",
    "delayed_sparse": "ranvier.kernels.cpu._delay_products",
    "max_pool2d": "ranvier.kernels.cpu._pool2d",
    "pattern": "ranvier.kernels.cpu._sparse",
    "sparse_linear": "ranvier.kernels.cpu._products",
    "spike_linear": "ranvier.kernels.cpu._products",
}

__getattr__, __dir__ = page(__name__, _PUBLIC)
