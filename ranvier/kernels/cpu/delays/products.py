"""Products with delays as differentiable operations; exact gradients to taps, input and history."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from ranvier.kernels.cpu.delays._correlate import steps_at_once
from ranvier.kernels.cpu.delays._rows import Synapses, spread, synapse_gradient
from ranvier.kernels.cpu.delays.events import delayed_events, sorted_events
from ranvier.kernels.cpu.delays.tap_table import TapTable
from ranvier.kernels.cpu.delays.taps import (
    delayed_dense,
    delayed_forward,
    delayed_input_gradient,
    delayed_tap_gradient,
    read_back,
    worth_following,
)
from ranvier.kernels.cpu.events.find import events
from ranvier.kernels.cpu.host.buffers import empty
from ranvier.kernels.cpu.host.derivatives import refuse_second_derivative
from ranvier.kernels.operands import require
from ranvier.kernels.tasks import Pattern

__all__ = ["delayed_linear", "delayed_sparse"]


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


def delayed_sparse(x: Tensor, pattern: Pattern, taps: Tensor, latency: Tensor, history: Tensor | None = None) -> Tensor:
    """The same where only the synapses of ``pattern`` exist: ``taps`` ``[S, W]`` (or ``[S]``), ``latency`` int32 ``[S]``.

    ``out[t, b, target[s]] += taps[s, j] * x[t - latency[s] - j, b, source of s]``

    Raises as :func:`delayed_linear`.
    """
    return _DelayedSparse.apply(x, pattern, taps if taps.ndim == 2 else taps.unsqueeze(-1), latency, history)


class _DelayedLinear(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, taps: Tensor, latency: Tensor, history: Tensor | None) -> Tensor:
        x, latency = x.contiguous(), latency.contiguous()
        history = None if history is None else history.contiguous()
        require(x, "x", (None, None, taps.shape[1]), taps.dtype)
        table = TapTable(taps.contiguous(), latency, x.shape[0] + (0 if history is None else history.shape[0]))
        happened = delayed_events(x, history, table.reach)
        if happened.density > worth_following(table.given, x.shape[1], x.dtype):
            out = delayed_dense(x, history, table)
        else:
            out = delayed_forward(happened, table)
        ctx.table = table
        ctx.events = happened if ctx.needs_input_grad[1] else None
        ctx.used, ctx.given = happened.history, 0 if history is None else history.shape[0]
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        refuse_second_derivative()
        grad = grad.contiguous()
        to_x, to_taps, _, to_history = ctx.needs_input_grad
        in_taps = delayed_tap_gradient(ctx.events, ctx.table, grad) if to_taps else None
        in_x = in_history = None
        if to_x or to_history:
            in_x, recent = delayed_input_gradient(grad, ctx.table, ctx.used if to_history else 0)
            in_history = _whole(recent, ctx.given) if to_history else None
        return in_x if to_x else None, in_taps, None, in_history


class _DelayedSparse(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, pattern: Pattern, taps: Tensor, latency: Tensor, history: Tensor | None) -> Tensor:
        synapses = Synapses(pattern, taps.contiguous(), latency.contiguous())
        x = x.contiguous()
        require(x, "x", (None, None, pattern.rows), taps.dtype)
        steps, batch, inputs = x.shape
        out = empty([steps, batch, pattern.columns], x.dtype).zero_()
        rows = out.view(steps, batch * pattern.columns)
        now, before, used, given = events(x.view(-1, inputs)), None, 0, 0
        if history is not None:
            history, given = history.contiguous(), history.shape[0]
            require(history, "history", (None, batch, inputs), x.dtype)
            used = min(given, synapses.reach)
        if history is not None and used:
            recent = history[given - used :].reshape(used * batch, inputs)
            before = events(recent)
            spread(before, synapses, rows, -used, batch)
        spread(now, synapses, rows, 0, batch)
        ctx.synapses, ctx.used, ctx.given = synapses, used, given
        ctx.listed = (now, before, (steps, batch, inputs, used)) if ctx.needs_input_grad[2] else None
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        refuse_second_derivative()
        grad, synapses = grad.contiguous(), ctx.synapses
        to_x, _, to_taps, _, to_history = ctx.needs_input_grad
        in_x = in_taps = in_history = None
        if to_taps:
            now, before, sizes = ctx.listed
            in_taps = synapse_gradient(sorted_events(now, before, sizes, grad.dtype), synapses, grad)
        if to_x or to_history:
            history = ctx.used if to_history else 0
            length = synapses.line_length(history + grad.shape[0] + steps_at_once())
            in_x, recent = read_back(grad, synapses.wiring, length, history)
            in_history = _whole(recent, ctx.given) if to_history else None
        return in_x if to_x else None, None, in_taps, None, in_history


def _whole(recent: Tensor, given: int) -> Tensor:
    """The gradient to a whole history when only its end was used."""
    if recent.shape[0] == given:
        return recent
    return torch.cat([recent.new_zeros(given - recent.shape[0], *recent.shape[1:]), recent])
