"""Modes of torch: those that a call does not support, each with the remedy, and autocast, which concerns products alone."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch._C import _functorch  # pyright: ignore[reportAttributeAccessIssue]
from torch._C._dynamo import eval_frame
from torch.utils.hooks import unserializable_hook

from ranvier._warn import warn
from ranvier.errors import ProviderError

if TYPE_CHECKING:
    from ranvier.network.run.window import Window

__all__ = [
    "autocast",
    "function_transform",
    "inside_an_operator",
    "own_precision",
    "refuse_modes",
    "saving_hooked",
    "watch",
    "watch_backward",
]

K = TypeVar("K")

#: of each thread, whether it runs an operator of ours
_OPERATOR = threading.local()
_FUNC = (
    "torch.func supports calls of a network, net.observe and net.step, but not this: give all samples at once, [T, B, …], instead of "
    "vmap, and take gradients with torch.autograd.grad."
)
_COMPILE = (
    "torch.compile supports calls of a network, net.observe and net.step, but not this: keep it outside the compiled function, or "
    "mark the function with @torch.compiler.disable."
)
_BACKWARD = (
    "backward() under torch.autocast rounds the gradients of a network that was called outside of it to half precision, about 0.4 "
    "percent each: call backward() outside autocast, as torch advises too."
)


@contextmanager
def inside_an_operator() -> Iterator[None]:
    """A call that torch.compile sees from outside only."""
    before = getattr(_OPERATOR, "inside", False)
    _OPERATOR.inside = True
    try:
        yield
    finally:
        _OPERATOR.inside = before


def saving_hooked() -> bool:
    """Whether hooks take the tensors that autograd saves, as torch.utils.checkpoint does, which compares those of a call and its repetition."""
    return torch._C._autograd._top_saved_tensors_default_hooks(False) is not None  # pyright: ignore[reportAttributeAccessIssue]


def function_transform() -> bool:
    """Whether torch.func follows this thread."""
    return _functorch.maybe_current_level() is not None


def refuse_modes() -> None:
    """Refuse calls inside torch.compile and torch.func."""
    following = torch.compiler.is_compiling() or callable(eval_frame.get_eval_frame_callback())
    if following and not getattr(_OPERATOR, "inside", False):
        raise ProviderError(_COMPILE)
    if function_transform():
        raise ProviderError(_FUNC)


def autocast() -> bool:
    """Whether torch would round products to half precision."""
    return torch.is_autocast_enabled("cpu")


def own_precision() -> AbstractContextManager[Any]:
    """Where autocast is on, a context without it: for cells, and for backward passes, whose tensors have their precision already."""
    return torch.autocast("cpu", enabled=False) if torch.is_autocast_enabled("cpu") else nullcontext()


def watch_backward(window: Window) -> None:
    """Let the backward pass of a window run in its own precision, also where it is asked for under autocast.

    A call under autocast leaves it in every node of the graph before its results: the cells' own, and those of whatever made
    the input, whose tensors have the precision of their forward pass already. A call outside autocast costs nothing, and
    warns where its gradient is taken under autocast.
    """
    if not torch.is_autocast_enabled("cpu"):
        watch(window.recorded.values())
        return
    window.recorded = _apart(window.recorded)
    window.emissions = _apart(window.emissions)
    window.variables = {n: _apart(v) for n, v in window.variables.items()}
    window.synapses = {n: _apart(v) for n, v in window.synapses.items()}


def watch(outputs: Iterable[torch.Tensor]) -> None:
    """Warn where the gradient of an output is taken under autocast: one hook for outputs that one operation made."""
    seen = None
    for output in outputs:
        if output.requires_grad:
            made = output.grad_fn
            if made is None:
                output.register_hook(_watch)
            elif made is not seen:
                seen = made
                made.register_prehook(_watch)


def _apart(values: Mapping[K, torch.Tensor]) -> dict[K, torch.Tensor]:
    return {n: _Apart.apply(x) if x.grad_fn is not None else x for n, x in values.items()}  # pyright: ignore[reportReturnType]


class _Apart(torch.autograd.Function):
    """The same numbers; the backward pass of everything behind leaves autocast."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> torch.Tensor:
        if torch.is_autocast_enabled("cpu"):
            waiting, seen = [ctx], {ctx}
            while waiting:
                for node, _ in waiting.pop().next_functions:
                    if node is not None and node not in seen:
                        seen.add(node)
                        waiting.append(node)
                        node.register_prehook(_leave)
        return grads[0]


def _leave(_: Any) -> None:
    """Autocast is off while one node runs: torch sets it for each node anew."""
    torch.set_autocast_enabled("cpu", False)


@unserializable_hook
def _watch(_: Any) -> None:
    if torch.is_autocast_enabled("cpu"):
        warn(_BACKWARD)
