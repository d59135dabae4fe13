"""Transforms as nodes of a step graph: what a projection carries in one step, without torch.

An unknown torch module raises an error that names it; to support one, register a function with
``@lower.register``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import singledispatch

import numpy as np
import torch
from torch import nn

from ranvier.connectivity._conv import Conv2d
from ranvier.connectivity._linear import Linear
from ranvier.connectivity._norm import ThresholdNorm
from ranvier.connectivity._sparse import Sparse
from ranvier.connectivity.transform import Placement, Transform
from ranvier.errors import ProviderError
from ranvier.kernels.step import Add, Builder, Convolution, Csr, Dense, Fill, Pool, Product

__all__ = ["lower", "lower_delayed"]

Tensor = torch.Tensor
_SAME = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
_NORMS = (ThresholdNorm, nn.modules.batchnorm._BatchNorm)


@singledispatch
def lower(module: nn.Module, builder: Builder, source: str, name: str) -> str:
    """Append the nodes of ``module`` in evaluation mode; returns the buffer of its output for ``source``.

    Raises
    ------
    ProviderError
        For a module without such a form; the message names it.
    """
    kind = type(module).__name__
    if isinstance(module, _SAME):
        return source
    if isinstance(module, _NORMS):
        raise ProviderError(f"{name}: a step graph has no {kind}; fold it into the weights first: rv.fold_norms(net).")
    raise ProviderError(f"{name}: a step graph has no node for {kind}; use transforms of rv, or torch's Linear, Conv2d, "
                        f"MaxPool2d, AvgPool2d and Flatten.")  # fmt: skip


def lower_delayed(
    transform: Transform, builder: Builder, past: Callable[[int], str], place: Placement, name: str
) -> str:
    """As :func:`lower` for a transform with a delay per synapse; ``past(k)`` is what was emitted k steps ago."""
    weights, first = (t.detach() for t in transform.taps(place))
    at = first.unsqueeze(-1).to(torch.int64) + torch.arange(weights.shape[-1])
    target = None
    for k in torch.unique(at).tolist():
        share = torch.where(at == k, weights, 0.0).sum(-1)
        if bool((share != 0).any()):
            target = _carry(transform, share, builder, past(k), name, target)
    if target is None:  # every weight is 0
        target = _carry(transform, weights[..., 0], builder, past(int(at.max()) if at.numel() else 0), name, None)
    return _biased(transform.constant, builder, target, name)


@lower.register(Linear)
@lower.register(Sparse)
@lower.register(Conv2d)
def _(module: Transform, builder: Builder, source: str, name: str) -> str:
    target = _carry(module, module.effective_weight().detach(), builder, source, name, None)
    return _biased(module.constant, builder, target, name)


@lower.register
def _(module: nn.Linear, builder: Builder, source: str, name: str) -> str:
    target = _matrix(module.weight.detach(), builder, source, name, None)
    return _biased(module.bias, builder, target, name)


@lower.register
def _(module: nn.Conv2d, builder: Builder, source: str, name: str) -> str:
    target = _convolution(module, module.weight.detach(), builder, source, name, None)
    return _biased(module.bias, builder, target, name)


@lower.register
def _(module: nn.Flatten, builder: Builder, source: str, name: str) -> str:
    if (module.start_dim, module.end_dim) != (1, -1):
        raise ProviderError(
            f"{name}: Flatten({module.start_dim}, {module.end_dim}) has no node; flatten all axes of a sample."
        )
    target = builder.scratch(f"{name}_flat", (int(np.prod(builder.shape(source))),))
    builder.add(Fill(target))
    builder.add(Add(source, target))
    return target


@lower.register(nn.MaxPool2d)
@lower.register(nn.AvgPool2d)
def _(module: nn.MaxPool2d | nn.AvgPool2d, builder: Builder, source: str, name: str) -> str:
    kind = "max" if isinstance(module, nn.MaxPool2d) else "mean"
    odd = module.ceil_mode or _pair(getattr(module, "dilation", 1)) != (1, 1)
    if odd or not getattr(module, "count_include_pad", True) or getattr(module, "divisor_override", None):
        raise ProviderError(
            f"{name}: a step graph supports plain pooling only; remove ceil_mode, dilation and divisors from {module}."
        )
    channels, plane = _plane(builder, source, name)
    window, stride, padding = (_pair(v) for v in (module.kernel_size, module.stride, module.padding))
    reached = _reached(plane, window, stride, padding)
    target = builder.scratch(f"{name}_pooled", (channels, *reached))
    builder.add(Pool(kind, source, target, channels, plane, reached, window, stride, padding))
    return target


def _carry(module: Transform, weight: Tensor, builder: Builder, source: str, name: str, target: str | None) -> str:
    """``target`` (made where None) plus the product of ``source`` and these weights in the module's layout."""
    if isinstance(module, Sparse):
        return _synapses(module, weight, builder, source, name, target)
    if isinstance(module, Conv2d):
        return _convolution(module, weight, builder, source, name, target)
    return _matrix(weight, builder, source, name, target)


def _fresh(builder: Builder, name: str, shape: tuple[int, ...], target: str | None) -> str:
    if target is None:
        target = builder.scratch(f"{name}_arriving", shape)
        builder.add(Fill(target))
    return target


def _matrix(weight: Tensor, builder: Builder, source: str, name: str, target: str | None) -> str:
    rows, columns = weight.shape
    shape = builder.shape(source)
    if shape[-1] != columns:
        raise ProviderError(f"{name}: a matrix of {columns} inputs meets an input of shape {shape}.")
    if len(shape) != 1:
        raise ProviderError(
            f"{name}: a step graph applies a matrix to a row of cells, not to shape {shape}; flatten it."
        )
    target = _fresh(builder, name, (rows,), target)
    builder.add(Product(Dense(builder.constant(f"{name}_weight", weight.numpy()), (rows, columns)), source, target))
    return target


def _synapses(module: Sparse, weight: Tensor, builder: Builder, source: str, name: str, target: str | None) -> str:
    target = _fresh(builder, name, (module.sizes[1],), target)
    some = torch.nonzero(weight, as_tuple=True)[0]
    rows = np.zeros(module.sizes[0] + 1, np.int32)
    rows[1:] = np.bincount(module.pre[some].numpy(), minlength=module.sizes[0]).cumsum()
    kept = [
        builder.constant(f"{name}_{n}", v)
        for n, v in (("rows", rows), ("targets", module.post[some].numpy()), ("weight", weight[some].numpy()))
    ]
    builder.add(Product(Csr(kept[0], kept[1], kept[2], module.sizes), source, target))
    return target


def _convolution(
    module: nn.Conv2d, weight: Tensor, builder: Builder, source: str, name: str, target: str | None
) -> str:
    if isinstance(module.padding, str) or module.padding_mode != "zeros":
        raise ProviderError(f"{name}: a step graph pads with a number of zeros, not with {module.padding!r}.")
    channels, plane = _plane(builder, source, name)
    if channels != module.in_channels:
        raise ProviderError(f"{name}: a convolution of {module.in_channels} channels meets {channels}.")
    stride, padding, dilation = _pair(module.stride), _pair(module.padding), _pair(module.dilation)
    out, inputs, height, width = weight.shape
    reached = _reached(plane, (dilation[0] * (height - 1) + 1, dilation[1] * (width - 1) + 1), stride, padding)
    target = _fresh(builder, name, (module.out_channels, *reached), target)
    operand = Convolution(
        builder.constant(f"{name}_weight", weight.numpy()), (out, inputs, height, width), module.groups, plane, reached, stride,
        padding, dilation,
    )  # fmt: skip
    builder.add(Product(operand, source, target))
    return target


def _biased(bias: Tensor | None, builder: Builder, target: str, name: str) -> str:
    if bias is not None:
        shape = builder.shape(target)
        spread = bias.detach().reshape(-1, *(1 for _ in shape[1:])).expand(shape)
        builder.add(Add(builder.constant(f"{name}_bias", spread.numpy()), target))
    return target


def _plane(builder: Builder, source: str, name: str) -> tuple[int, tuple[int, int]]:
    """Channels, and the size of their plane."""
    shape = builder.shape(source)
    if len(shape) != 3:
        raise ProviderError(f"{name}: a plane [channels, height, width] is needed, got shape {shape}.")
    return shape[0], (shape[1], shape[2])


def _reached(plane: tuple[int, int], *sizes: tuple[int, int]) -> tuple[int, int]:
    """Size of a plane after windows of ``sizes`` (reach, stride, padding, each by axis)."""
    down, across = ((n + 2 * p - w) // s + 1 for n, w, s, p in zip(plane, *sizes, strict=True))
    return down, across


def _pair(value: int | Sequence[int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])
