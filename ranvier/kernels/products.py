"""Spike-driven products by provider-neutral names."""

from __future__ import annotations

import torch

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


def pattern(pre: torch.Tensor, post: torch.Tensor, sizes: tuple[int, int]) -> Pattern:
    """The compressed rows of synapses sorted by presynaptic cell."""
    pointer = torch.zeros(sizes[0] + 1, dtype=torch.int64)
    pointer[1:] = torch.bincount(pre, minlength=sizes[0]).cumsum(0)
    return Pattern(pointer, post.to(torch.int32).contiguous(), sizes[1])
