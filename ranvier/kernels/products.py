"""Spike-driven products by provider-neutral names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ranvier._pages import page

if TYPE_CHECKING:
    from ranvier.kernels.cpu._delay_loop import DelayedFeedback
    from ranvier.kernels.cpu._delay_products import delayed_linear, delayed_sparse
    from ranvier.kernels.cpu._pool2d import max_pool2d
    from ranvier.kernels.cpu._products import sparse_linear, spike_linear
    from ranvier.kernels.cpu._sparse import Pattern

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
    "sparse_linear": "ranvier.kernels.cpu._products",
    "spike_linear": "ranvier.kernels.cpu._products",
}

__getattr__, __dir__ = page(__name__, _PUBLIC)


def pattern(pre: torch.Tensor, post: torch.Tensor, sizes: tuple[int, int]) -> Pattern:
    """The compressed rows of synapses sorted by presynaptic cell."""
    pointer = torch.zeros(sizes[0] + 1, dtype=torch.int64)
    pointer[1:] = torch.bincount(pre, minlength=sizes[0]).cumsum(0)
    return Pattern(pointer, post.to(torch.int32).contiguous(), sizes[1])
