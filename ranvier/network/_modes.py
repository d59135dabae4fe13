"""Modes of torch that a call does not support, each with the remedy."""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch._C import _functorch  # pyright: ignore[reportAttributeAccessIssue]
from torch._C._dynamo import eval_frame

from ranvier.errors import ProviderError, RanvierWarning

__all__ = ["own_precision", "refuse_modes"]

_FUNC = (
    "torch.func and torch.vmap cannot follow a network: its kernels read numbers. Give all samples at once, [T, B, …], instead of "
    "vmap; take gradients with torch.autograd.grad, second ones with provider='reference'."
)
_COMPILE = (
    "torch.compile cannot follow a network, whose kernels are compiled already: compile the modules around it instead, or "
    "mark the call with @torch.compiler.disable."
)
_AUTOCAST = (
    "torch.autocast has no effect here: a network computes in its own dtype, float32 or float64, as spikes at a threshold do not "
    "survive half precision. Call the network outside autocast."
)


def refuse_modes() -> None:
    """Refuse calls inside torch.compile and torch.func; warn where autocast is on."""
    if torch.compiler.is_compiling() or callable(eval_frame.get_eval_frame_callback()):
        raise ProviderError(_COMPILE)
    if _functorch.maybe_current_level() is not None:
        raise ProviderError(_FUNC)
    if torch.is_autocast_enabled("cpu"):
        warnings.warn(_AUTOCAST, RanvierWarning, stacklevel=5)


def own_precision() -> AbstractContextManager[Any]:
    """Where autocast is on, a context without it: products of torch would otherwise be rounded to half precision."""
    return torch.autocast("cpu", enabled=False) if torch.is_autocast_enabled("cpu") else nullcontext()
