"""Work whose tensors are kept for later calls, which may run in another mode of torch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch

__all__ = ["in_plain_mode"]

P = ParamSpec("P")
R = TypeVar("R")


def in_plain_mode(function: Callable[P, R]) -> Callable[P, R]:
    """The same function, whose tensors any later call may write to: those made in ``torch.inference_mode`` refuse it outside."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if not torch.is_inference_mode_enabled():
            return function(*args, **kwargs)
        with torch.inference_mode(False), torch.no_grad():
            return function(*args, **kwargs)

    return run
