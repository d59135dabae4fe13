"""The way back from what arrives to the cells that fired it, apart from the way to the weights that carried it."""

from __future__ import annotations

from typing import Any

import torch
from torch.func import functional_call

from ranvier.connectivity.hooks import quiet
from ranvier.connectivity.sequence_place import Place
from ranvier.kernels.provider import Runnable
from ranvier.network.parts.projection import Projection

__all__ = ["upstream"]

Tensor = torch.Tensor


def upstream(
    projection: Projection, x: Tensor, history: Tensor | None, arrived: Tensor, carrier: Runnable | None = None,
    place: Place | None = None,
) -> Tensor:  # fmt: skip
    """Zeros [T, B, …] in the shape of ``arrived`` whose gradient goes to ``x`` and ``history``, and not to the weights.

    ``carrier`` computes the products; None: as the reference does. ``place`` is as in :meth:`Projection.forward`.
    """
    past = x.new_zeros(0, *x.shape[1:]) if history is None else history
    return _Upstream.apply(projection, arrived.shape, carrier, place, x, past)


class _Upstream(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, projection: Projection, shape: torch.Size, carrier: Runnable | None, place: Place | None, x: Tensor,
        history: Tensor,
    ) -> Tensor:  # fmt: skip
        ctx.projection, ctx.steps, ctx.how = projection, shape[0], {"carrier": carrier, "place": place}
        ctx.save_for_backward(x, history)
        return x.new_zeros(()).expand(shape)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        projection: Projection = ctx.projection
        x, history = ctx.saved_tensors
        if projection.matrix() is not None and not projection.depth:
            return None, None, None, None, projection.transform.pullback(grads[0], x), None
        with torch.enable_grad(), quiet(projection):
            x, history = x.detach().requires_grad_(), history.detach().requires_grad_()
            own = {n: t.detach() for n, t in (*projection.named_parameters(), *projection.named_buffers())}
            now = x if len(x) else None  # all that arrives was fired before these steps
            out = functional_call(projection, own, (now, history), {"steps": ctx.steps, **ctx.how})
            back = torch.autograd.grad(out, (x, history), grads[0], allow_unused=True)
        return None, None, None, None, *back
