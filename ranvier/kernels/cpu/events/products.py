"""Spike-driven linear products with exact gradients, and their pieces for time loops driven by hand.

The input is scanned for events in each call; work then follows the events, not the size of the input. Gradients are
those of the dense product: to the weights from the events, to the input from the (dense) output gradient.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import llvmlite.binding as llvm
import torch
from torch import Tensor
from torch.autograd import Function

from ranvier.kernels.cpu.delays.products import delayed_linear
from ranvier.kernels.cpu.events.find import EventList, events
from ranvier.kernels.cpu.events.gather import gather
from ranvier.kernels.cpu.events.rows import rows_of
from ranvier.kernels.cpu.events.sparse import scatter, sparse_input_gradient, value_gradient
from ranvier.kernels.cpu.events.transpose import transposed
from ranvier.kernels.cpu.events.weight_gradient import weight_gradient
from ranvier.kernels.cpu.host.buffers import empty
from ranvier.kernels.cpu.host.derivatives import refuse_second_derivative
from ranvier.kernels.cpu.host.weights import synapses_of
from ranvier.kernels.operands import require
from ranvier.kernels.tasks import Pattern
from ranvier.storages import Stored

__all__ = [
    "EventList",
    "Pattern",
    "delayed_linear",
    "events",
    "gather",
    "input_gradient",
    "sparse_linear",
    "spike_linear",
    "weight_gradient",
]

_LARGE = 1 << 22  # multiply-adds from which the choice of library matters


def spike_linear(x: Tensor, weight: Tensor | Stored, bias: Tensor | None = None) -> Tensor:
    """Apply ``x @ weight.T + bias`` to an ``x`` that is mostly zero.

    Parameters
    ----------
    x
        ``[..., K]``, float32 or float64; spikes 0/1 or any values.
    weight
        ``[N, K]``; stored numbers are decoded as they are read, and have no gradient.
    bias
        ``[N]`` or None.

    Returns
    -------
        ``[..., N]``.

    Raises
    ------
    TypeError, ValueError
        Operands disagree in shape, dtype or device.
    RuntimeError
        A second derivative is asked for.
    """
    return _SpikeLinear.apply(x, weight, bias)


def sparse_linear(x: Tensor, pattern: Pattern, values: Tensor | Stored, bias: Tensor | None = None) -> Tensor:
    """Apply a weight matrix of which only the synapses in ``pattern`` exist: ``out[target[s]] += values[s] x[source]``.

    Parameters
    ----------
    x
        ``[..., K]``, float32 or float64, mostly zero.
    pattern
        The synapses, from K sources to N targets.
    values
        ``[synapses]``, the weight of each; stored numbers as in :func:`spike_linear`.
    bias
        ``[N]`` or None.

    Returns
    -------
        ``[..., N]``.

    Raises
    ------
    TypeError, ValueError
        Operands disagree in shape, dtype or device.
    RuntimeError
        A second derivative is asked for.
    """
    return _SparseLinear.apply(x, pattern, values, bias)


def input_gradient(grad: Tensor, weight: Tensor, out: Tensor | None = None) -> Tensor:
    """Gradient of ``x @ weight.T`` to ``x``, dense: ``grad @ weight``.

    Parameters
    ----------
    grad
        ``[R, N]``.
    weight
        ``[N, K]``.
    out
        ``[R, K]`` to write to; None for a new tensor.

    Returns
    -------
        ``[R, K]``.
    """
    large = grad.shape[0] * weight.numel() >= _LARGE
    if out is None and large and grad.dtype == torch.float32 and _onednn_is_faster():
        return torch.ops.mkldnn._linear_pointwise(grad, weight.t(), None, "none", [], "")
    return torch.mm(grad, weight) if out is None else torch.mm(grad, weight, out=out)


@cache
def _onednn_is_faster() -> bool:
    """Whether oneDNN is faster: MKL limits AMD processors to 32-byte vectors; on Intel processors both are equal."""
    offered = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    return offered and torch.backends.mkl.is_available() and llvm.get_host_cpu_name().startswith("znver")


class _SpikeLinear(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor | Stored, bias: Tensor | None) -> Tensor:
        rows = _rows(x, weight.shape[-1])
        happened = events(rows)
        weight_t = rows_of(weight if isinstance(weight, Stored) else weight.detach())
        if weight_t.code is None:
            require(weight_t.table, "weight", (rows.shape[1], None), x.dtype)
        width = weight_t.table.shape[1]
        out = empty([rows.shape[0], width], x.dtype)
        gather(happened, weight_t, out, accumulate=False, bias=None if bias is None else bias.contiguous())
        _keep(ctx, weight)
        ctx.events = happened if ctx.needs_input_grad[1] else None
        ctx.shape = x.shape
        return out.view(*x.shape[:-1], width)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        refuse_second_derivative()
        weight = _kept(ctx)
        rows = _rows(grad, weight.shape[0])
        to_x, to_weight, to_bias = ctx.needs_input_grad
        return (
            input_gradient(rows, weight).view(ctx.shape) if to_x else None,
            transposed(weight_gradient(ctx.events, rows)) if to_weight else None,
            rows.sum(0) if to_bias else None,
        )


class _SparseLinear(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, pattern: Pattern, values: Tensor | Stored, bias: Tensor | None) -> Tensor:
        rows = _rows(x, pattern.rows)
        happened = events(rows)
        values = values if isinstance(values, Stored) else values.contiguous()
        out = empty([rows.shape[0], pattern.columns], x.dtype).zero_()
        if bias is not None:
            require(bias.contiguous(), "bias", (pattern.columns,), x.dtype)
            out += bias
        scatter(happened, pattern, synapses_of(values), out)
        _keep(ctx, values)
        ctx.pattern = pattern
        ctx.events = happened if ctx.needs_input_grad[2] else None
        ctx.shape = x.shape
        return out.view(*x.shape[:-1], pattern.columns)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        refuse_second_derivative()
        values = _kept(ctx)
        rows = _rows(grad, ctx.pattern.columns)
        to_x, _, to_values, to_bias = ctx.needs_input_grad
        return (
            sparse_input_gradient(ctx.pattern, values, rows).view(ctx.shape) if to_x else None,
            None,
            value_gradient(ctx.events, ctx.pattern, rows) if to_values else None,
            rows.sum(0) if to_bias else None,
        )


def _keep(ctx: Any, weight: Tensor | Stored) -> None:
    """Keep weights for the way back; stored numbers stay compact until then."""
    ctx.stored = weight if isinstance(weight, Stored) else None
    if not isinstance(weight, Stored):
        ctx.save_for_backward(weight)


def _kept(ctx: Any) -> Tensor:
    """The weights that were kept, as floats."""
    return ctx.saved_tensors[0] if ctx.stored is None else ctx.stored.decode()


def _rows(tensor: Tensor, width: int) -> Tensor:
    """View ``[..., width]`` as contiguous ``[R, width]``."""
    if tensor.ndim == 0 or tensor.shape[-1] != width:
        raise ValueError(f"an input of shape {tuple(tensor.shape)} meets weights for a last axis of {width}")
    rows = tensor.numel() // width if width else tensor.shape[:-1].numel()
    return tensor.detach().contiguous().view(rows, width)
