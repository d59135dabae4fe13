"""Nodes of a step graph for transforms: what a projection carries in one step, without torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import torch
from torch import nn

from ranvier.connectivity.affine import FoldError
from ranvier.connectivity.bound import BoundTransform
from ranvier.connectivity.transform import Transform
from ranvier.errors import ProviderError
from ranvier.kernels.step import Add, Builder, Convolution, Csr, Dense, Fill, Pool, Product, Reading
from ranvier.storages import Stored

__all__ = [
    "convolution", "csr", "dense", "floats", "lower_affine", "lower_delayed", "lower_pool", "lower_product", "lower_rows", "lower_view",
]  # fmt: skip

Tensor = torch.Tensor
#: numbers of a map that are worked out at once
_AT_ONCE = 1 << 24


def lower_product(
    transform: Transform, weight: Tensor | Stored, bias: Tensor | None, builder: Builder, source: str, name: str
) -> str:
    """The product with a ``weight`` in the layout of ``transform``, and a ``bias``."""
    target = transform.carry(_plain(weight), builder, source, name, None)
    return _biased(bias, builder, target, name)


def lower_delayed(
    transform: Transform, weight: Tensor, bias: Tensor | None, builder: Builder, past: Callable[[int], str],
    bound: BoundTransform, name: str,
) -> str:  # fmt: skip
    """The nodes of a transform with a delay per synapse; ``past(k)`` is what was emitted k steps ago."""
    weights, first = (t.detach() for t in bound.taps(weight))
    at = first.unsqueeze(-1).to(torch.int64) + torch.arange(weights.shape[-1])
    target = None
    for k in torch.unique(at).tolist():
        share = torch.where(at == k, weights, 0.0).sum(-1)
        if bool((share != 0).any()):
            target = transform.carry(share, builder, past(k), name, target)
    if target is None:  # every weight is 0
        target = transform.carry(weights[..., 0], builder, past(int(at.max()) if at.numel() else 0), name, None)
    return _biased(bias, builder, target, name)


def lower_affine(transform: Transform, builder: Builder, source: str, name: str) -> str:
    """A norm that no weight holds: one factor and one shift for each channel, the first axis of a sample."""
    try:
        affine = transform.affine()
    except FoldError as error:
        raise ProviderError(f"{name}: {transform.kind} {error}") from None
    shape = builder.shape(source)
    if affine is None or not shape or len(affine.scale) != shape[0]:
        raise ProviderError(f"{name}: a step graph has no node for {transform.kind} with samples of shape {shape}.")
    cells, space = prod(shape), prod(shape[1:])
    places = torch.arange(cells)
    scale, shift = (v.detach().repeat_interleave(space) for v in affine)
    target = _fresh(builder, name, shape, None)
    csr(places, places.to(torch.int32), scale, (cells, cells), builder, source, name, target)
    builder.add(Add(builder.constant(f"{name}_shift", shift.reshape(shape).numpy()), target))
    return target


def _plain(weight: Tensor | Stored) -> Tensor | Stored:
    """Without a gradient; codes that cannot be printed as floats."""
    if isinstance(weight, Stored):
        return weight if weight.storage.compiles else weight.decode()
    return weight.detach()


def floats(weight: Tensor | Stored) -> Tensor:
    """The weight as floats."""
    return weight.decode() if isinstance(weight, Stored) else weight


def _table(weight: Tensor | Stored, builder: Builder, name: str) -> tuple[str, Reading | None]:
    """The constant buffer of a weight, and how its codes are read."""
    if not isinstance(weight, Stored):
        return builder.constant(f"{name}_weight", weight.numpy()), None
    codes, one = weight.codes.contiguous().numpy(), bool((weight.scale == 1).all())
    held = builder.constant(f"{name}_weight", codes, str(codes.dtype))
    scale = None if one else builder.constant(f"{name}_scale", weight.scale.detach().flatten().numpy())
    zero = None if weight.zero is None else builder.constant(f"{name}_zero", weight.zero.flatten().numpy())
    return held, Reading(weight.storage, scale, zero)


def dense(weight: Tensor | Stored, builder: Builder, source: str, name: str, target: str | None) -> str:
    """``target`` (a new buffer where None) plus the product with a matrix [post, pre]."""
    rows, columns = weight.shape
    shape = builder.shape(source)
    if shape[-1] != columns:
        raise ProviderError(f"{name}: a matrix of {columns} inputs meets an input of shape {shape}.")
    if len(shape) != 1:
        raise ProviderError(
            f"{name}: a step graph applies a matrix to a row of cells, not to shape {shape}; flatten it."
        )
    target = _fresh(builder, name, (rows,), target)
    table, stored = _table(weight, builder, name)
    builder.add(Product(Dense(table, (rows, columns), stored), source, target))
    return target


def csr(
    pre: Tensor, post: Tensor, weight: Tensor | Stored, sizes: tuple[int, int], builder: Builder, source: str, name: str,
    target: str | None,
) -> str:  # fmt: skip
    """``target`` (a new buffer where None) plus what single synapses carry; ``pre`` ascends."""
    target = _fresh(builder, name, (sizes[1],), target)
    some = torch.nonzero(floats(weight), as_tuple=True)[0]
    rows = np.zeros(sizes[0] + 1, np.int32)
    rows[1:] = np.bincount(pre[some].numpy(), minlength=sizes[0]).cumsum()
    kept = [builder.constant(f"{name}_{n}", v) for n, v in (("rows", rows), ("targets", post[some].numpy()))]
    used = replace(weight, codes=weight.codes[some]) if isinstance(weight, Stored) else weight[some]
    table, stored = _table(used, builder, name)
    builder.add(Product(Csr(kept[0], kept[1], table, sizes, stored), source, target))
    return target


def lower_rows(
    call: Callable[[Tensor], Tensor], module: nn.Module, builder: Builder, source: str, name: str,
    target: str | None = None,
) -> str:  # fmt: skip
    """``target`` (a new buffer where None) plus ``call``, a map linear but for a constant, as the numbers it consists of.

    ``call`` maps rows [n, …] in the dtype of ``module``, whose own dtype is that of the graph where it has none.
    """
    shape = builder.shape(source)
    cells, dtype = prod(shape), next((q.dtype for q in module.parameters()), getattr(torch, builder.dtype))
    with torch.no_grad():
        silent = call(torch.zeros(1, *shape, dtype=dtype))
        out = tuple(silent.shape[1:])
        portion = max(1, _AT_ONCE // max(cells, prod(out), 1))
        found: list[tuple[Tensor, Tensor, Tensor]] = []
        for first in range(0, cells, portion):
            last = min(first + portion, cells)
            rows = torch.zeros(last - first, cells, dtype=dtype)
            rows[torch.arange(last - first), torch.arange(first, last)] = 1
            share = (call(rows.reshape(-1, *shape)) - silent).flatten(1)
            pre, post = torch.nonzero(share, as_tuple=True)
            found.append((pre + first, post, share[pre, post]))
    pre, post, weight = (torch.cat(parts) for parts in zip(*found, strict=True))
    target = _fresh(builder, name, out, target)
    csr(pre, post.to(torch.int32), weight, (cells, prod(out)), builder, source, name, target)
    if bool(silent.any()):
        builder.add(Add(builder.constant(f"{name}_constant", silent[0].numpy()), target))
    return target


def convolution(
    module: Any, weight: Tensor | Stored, builder: Builder, source: str, name: str, target: str | None
) -> str | None:
    """``target`` plus the convolution of a plane padded with zeros; None for any other convolution."""
    if len(weight.shape) != 4 or isinstance(module.padding, str) or module.padding_mode != "zeros":
        return None
    channels, plane = _plane(builder, source, name)
    if channels != module.in_channels:
        raise ProviderError(f"{name}: a convolution of {module.in_channels} channels meets {channels}.")
    stride, padding, dilation = _pair(module.stride), _pair(module.padding), _pair(module.dilation)
    out, inputs, height, width = weight.shape
    reached = _reached(plane, (dilation[0] * (height - 1) + 1, dilation[1] * (width - 1) + 1), stride, padding)
    target = _fresh(builder, name, (module.out_channels, *reached), target)
    table, stored = _table(weight, builder, name)
    operand = Convolution(
        table, (out, inputs, height, width), module.groups, plane, reached, stride, padding, dilation, stored
    )
    builder.add(Product(operand, source, target))
    return target


def lower_pool(kind: str, module: Any, builder: Builder, source: str, name: str) -> str | None:
    """A pooling of plain windows of a plane; None for any other."""
    if len(builder.shape(source)) != 3 or not hasattr(module, "ceil_mode"):
        return None
    odd = (
        module.ceil_mode or _pair(getattr(module, "dilation", 1)) != (1, 1) or getattr(module, "return_indices", False)
    )
    sizes = (module.kernel_size, module.stride, module.padding)
    if odd or not getattr(module, "count_include_pad", True) or getattr(module, "divisor_override", None):
        return None
    if any(not isinstance(n, int) and len(n) != 2 for n in sizes):
        return None
    channels, plane = _plane(builder, source, name)
    window, stride, padding = (_pair(v) for v in sizes)
    reached = _reached(plane, window, stride, padding)
    target = builder.scratch(f"{name}_pooled", (channels, *reached))
    builder.add(Pool(kind, source, target, channels, plane, reached, window, stride, padding))
    return target


def lower_view(module: nn.Module, builder: Builder, source: str, name: str) -> str:
    """The same numbers in another shape."""
    shape = builder.shape(source)
    numbers = torch.arange(prod(shape)).reshape(1, *shape)
    seen = module(numbers)
    if seen.shape[0] != 1 or not torch.equal(seen.flatten(), numbers.flatten()):
        raise ProviderError(f"{name}: {module} does not keep samples apart, so a step graph has no node for it.")
    if tuple(seen.shape[1:]) == shape:
        return source
    target = builder.scratch(f"{name}_flat", tuple(seen.shape[1:]))
    builder.add(Fill(target))
    builder.add(Add(source, target))
    return target


def _fresh(builder: Builder, name: str, shape: tuple[int, ...], target: str | None) -> str:
    if target is None:
        target = builder.scratch(f"{name}_arriving", shape)
        builder.add(Fill(target))
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
