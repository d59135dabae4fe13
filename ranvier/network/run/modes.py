"""Modes of torch that a call does not support, each with the remedy."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ParamSpec, TypeVar

import torch
from torch._C import _functorch  # pyright: ignore[reportAttributeAccessIssue]
from torch._C._dynamo import eval_frame
from torch.utils.hooks import unserializable_hook

from ranvier._warn import warn
from ranvier.errors import ProviderError

__all__ = ["in_own_precision", "own_precision", "refuse_modes", "watch_backward"]

P = ParamSpec("P")
R = TypeVar("R")

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
_BACKWARD = (
    "backward() under torch.autocast rounds the gradients of a network to half precision, about 0.4 percent each: call backward() "
    "outside autocast, as torch advises too."
)


def refuse_modes() -> None:
    """Refuse calls inside torch.compile and torch.func; warn where autocast is on."""
    if torch.compiler.is_compiling() or callable(eval_frame.get_eval_frame_callback()):
        raise ProviderError(_COMPILE)
    if _functorch.maybe_current_level() is not None:
        raise ProviderError(_FUNC)
    if torch.is_autocast_enabled("cpu"):
        warn(_AUTOCAST)


def own_precision() -> AbstractContextManager[Any]:
    """Where autocast is on, a context without it: products of torch would otherwise be rounded to half precision."""
    return torch.autocast("cpu", enabled=False) if torch.is_autocast_enabled("cpu") else nullcontext()


def in_own_precision(function: Callable[P, R]) -> Callable[P, R]:
    """The same function, which warns of autocast and runs without it: for code that runs and differentiates a network."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if torch.is_autocast_enabled("cpu"):
            warn(_AUTOCAST)
        with own_precision():
            return function(*args, **kwargs)

    return run


def watch_backward(outputs: Iterable[torch.Tensor]) -> None:
    """Warn where the gradient of ``outputs`` is taken under autocast, which no part of a graph can leave."""
    for output in outputs:
        if output.requires_grad:
            output.register_hook(_watch)


@unserializable_hook
def _watch(_: torch.Tensor) -> None:
    if torch.is_autocast_enabled("cpu"):
        warn(_BACKWARD)
