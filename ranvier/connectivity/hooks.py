"""The hooks of torch on a module: whether it has any, and a pause for them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

__all__ = ["has_hook", "quiet"]

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def has_hook(module: nn.Module) -> bool:
    """Whether a forward or backward hook is registered on a module itself."""
    return bool(
        module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks
    )


@contextmanager
def quiet(module: nn.Module) -> Iterator[None]:
    """Suspend the hooks of ``module`` and its submodules during a recomputation."""
    kept = [(m, n, getattr(m, n)) for m in module.modules() for n in _HOOKS if getattr(m, n)]
    for m, n, _ in kept:
        setattr(m, n, OrderedDict())
    try:
        yield
    finally:
        for m, n, hooks in kept:
            setattr(m, n, hooks)
