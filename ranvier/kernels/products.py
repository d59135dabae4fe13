"""Spike-driven products by provider-neutral names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier._pages import page

if TYPE_CHECKING:
    from ranvier.kernels.cpu.delays.products import delayed_linear, delayed_sparse
    from ranvier.kernels.cpu.events.pool2d import max_pool2d
    from ranvier.kernels.cpu.events.products import sparse_linear, spike_linear

__all__ = [
    "delayed_linear",
    "delayed_sparse",
    "max_pool2d",
    "sparse_linear",
    "spike_linear",
]

# Public name -> the module that holds it.
_PUBLIC: dict[str, str] = {
    "delayed_linear": "ranvier.kernels.cpu.delays.products",
    "delayed_sparse": "ranvier.kernels.cpu.delays.products",
    "max_pool2d": "ranvier.kernels.cpu.events.pool2d",
    "sparse_linear": "ranvier.kernels.cpu.events.products",
    "spike_linear": "ranvier.kernels.cpu.events.products",
}

__getattr__, __dir__ = page(__name__, _PUBLIC)
