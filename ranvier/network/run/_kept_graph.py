"""A state attached to the graph of the last call: valid until a backward pass frees that graph."""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd import Function

from ranvier.errors import StateError
from ranvier.network.state.state import State

__all__ = ["attached"]

Tensor = torch.Tensor
#: nodes of the graph before the state to inspect
_LOOKED_AT = 200


def attached(state: State) -> State:
    """The same state; a backward pass through it raises an error with the remedy where the earlier graph is freed.

    Tensors made in inference mode, which torch does not save for a backward pass, are copied.
    """
    tensors = state.tensors()
    if any(t.is_inference() for t in tensors.values()):
        tensors = {n: t.clone() for n, t in tensors.items()}
        state = state.with_tensors(tensors)
    hanging = {n: t for n, t in tensors.items() if t.grad_fn is not None}
    if not hanging:
        return state
    passed = _Attached.apply([t.grad_fn for t in hanging.values()], *hanging.values())
    return state.with_tensors({**tensors, **dict(zip(hanging, passed, strict=True))})


class _Attached(Function):
    @staticmethod
    def forward(ctx: Any, before: list[Any], *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.before = before
        ctx.set_materialize_grads(False)
        return tuple(t.view_as(t) for t in tensors)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        if any(_used_up(node) for node, grad in zip(ctx.before, grads, strict=True) if grad is not None):
            raise StateError(
                "the state passed to this call belongs to a graph that a backward pass has freed: pass state.detach(), so that "
                "gradients stop where the batch begins. To go back through both calls, sum their losses and call backward once."
            )
        return None, *grads


def _used_up(node: Any) -> bool:
    """Whether a node before the state has freed its saved tensors."""
    waiting, seen = [node], {node}
    while waiting and len(seen) < _LOOKED_AT:
        node = waiting.pop()
        try:
            for name in dir(node):
                if name == "saved_tensors" or name.startswith("_saved_"):
                    getattr(node, name)
        except RuntimeError:
            return True
        fresh = [n for n, _ in node.next_functions if n is not None and n not in seen]
        seen.update(fresh)
        waiting += fresh
    return False
