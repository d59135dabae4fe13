"""Products with delays as differentiable operations; exact gradients to taps, input and history."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from ranvier.kernels.cpu._delayed import (
    TapTable,
    delayed_dense,
    delayed_events,
    delayed_forward,
    delayed_input_gradient,
    delayed_tap_gradient,
)

__all__ = ["delayed_linear"]

_PER_TAP = 0.03  # density per tap above which following events costs more than all steps


def delayed_linear(x: Tensor, taps: Tensor, latency: Tensor, history: Tensor | None = None) -> Tensor:
    """Apply a weight matrix with a latency, and if wanted several taps in time, per synapse.

    ``out[t, b, n] = sum over k and j of taps[n, k, j] * x[t - latency[n, k] - j, b, k]``

    Parameters
    ----------
    x
        ``[T, B, K]``, float32 or float64, mostly zero.
    taps
        ``[N, K, W]``, or ``[N, K]`` for one tap: the weights.
    latency
        Int32 ``[N, K]``, in steps, 0 or more.
    history
        ``[D, B, K]``, the steps before ``x``; ``history[-1]`` is the last. Earlier steps, and all of them where
        it is None, are silent.

    Returns
    -------
        ``[T, B, N]``.

    Raises
    ------
    TypeError, ValueError
        Operands disagree in shape, dtype or device, or a latency is negative.
    RuntimeError
        A second derivative is asked for.
    """
    return _DelayedLinear.apply(x, taps if taps.ndim == 3 else taps.unsqueeze(-1), latency, history)


class _DelayedLinear(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, taps: Tensor, latency: Tensor, history: Tensor | None) -> Tensor:
        x, latency = x.contiguous(), latency.contiguous()
        history = None if history is None else history.contiguous()
        table = TapTable(taps.contiguous(), latency, x.shape[0] + (0 if history is None else history.shape[0]))
        happened = delayed_events(x, history, table.reach)
        if happened.density > _PER_TAP * table.given:
            out = delayed_dense(x, history, table)
        else:
            out = delayed_forward(happened, table)
        ctx.save_for_backward(taps)
        ctx.table = table
        ctx.events = happened if ctx.needs_input_grad[1] else None
        ctx.used, ctx.given = happened.history, 0 if history is None else history.shape[0]
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise RuntimeError(
                "delayed products of the cpu provider have no second derivative (create_graph=True); "
                "use the `reference` provider for this network"
            )
        grad = grad.contiguous()
        to_x, to_taps, _, to_history = ctx.needs_input_grad
        in_taps = delayed_tap_gradient(ctx.events, ctx.table, grad) if to_taps else None
        in_x = in_history = None
        if to_x or to_history:
            in_x, recent = delayed_input_gradient(grad, ctx.table, ctx.used if to_history else 0)
            if to_history:
                in_history = recent.new_zeros(ctx.given, *recent.shape[1:])
                in_history[ctx.given - ctx.used :] = recent
        return in_x if to_x else None, in_taps, None, in_history
