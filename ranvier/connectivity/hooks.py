"""The hooks of torch on a module: whether it has any, and a pause for them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules import module as torch_module
from torch.nn.parameter import is_lazy

__all__ = ["any_global_hook", "has_hook", "is_unfinished", "quiet"]

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def has_hook(module: nn.Module) -> bool:
    """Whether a forward or backward hook is registered on a module itself."""
    return bool(
        module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks
    )


def any_global_hook() -> bool:
    """Whether a hook is registered for all modules."""
    return bool(torch_module._has_any_global_hook())


def is_unfinished(module: nn.Module) -> bool:
    """Whether a module waits for its first input, as ``torch.nn.LazyLinear`` does, before it has parameters."""
    return any(t is not None and is_lazy(t) for t in (*module._parameters.values(), *module._buffers.values()))


@contextmanager
def quiet(module: nn.Module) -> Iterator[None]:
    """Suspend the hooks of ``module`` and its submodules during a recomputation.

    The first call of an unfinished module makes its parameters in a hook, so its own stay.
    """
    kept = [
        (m, n, found) for m in module.modules() for n in _HOOKS if (found := getattr(m, n)) and not is_unfinished(m)
    ]  # fmt: skip
    for m, n, _ in kept:
        setattr(m, n, OrderedDict())
    try:
        yield
    finally:
        for m, n, hooks in kept:
            setattr(m, n, hooks)
