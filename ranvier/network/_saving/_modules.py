"""Transforms as plain data: the modules that a file may name, each with the arguments that make it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ranvier.connectivity import Linear, Sparse, Synapses
from ranvier.errors import FileFormatError
from ranvier.network._saving._record import Record, damaged

__all__ = ["decode_module", "encode_module"]

_CONVOLUTION = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "padding_mode")
_TRANSPOSED = (*_CONVOLUTION[:5], "output_padding", "groups", "dilation", "padding_mode")
_NORM = ("num_features", "eps", "momentum", "affine", "track_running_stats")
_MAXIMUM = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
_AVERAGE = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad")

#: the torch modules that may be saved, and their arguments; "bias" is whether there is one
_TORCH: dict[type[nn.Module], tuple[str, ...]] = {
    nn.AdaptiveAvgPool1d: ("output_size",),
    nn.AdaptiveAvgPool2d: ("output_size",),
    nn.AvgPool1d: _AVERAGE,
    nn.AvgPool2d: (*_AVERAGE, "divisor_override"),
    nn.BatchNorm1d: _NORM,
    nn.BatchNorm2d: _NORM,
    nn.Conv1d: (*_CONVOLUTION, "bias"),
    nn.Conv2d: (*_CONVOLUTION, "bias"),
    nn.ConvTranspose1d: (*_TRANSPOSED, "bias"),
    nn.ConvTranspose2d: (*_TRANSPOSED, "bias"),
    nn.Dropout: ("p", "inplace"),
    nn.Dropout1d: ("p", "inplace"),
    nn.Dropout2d: ("p", "inplace"),
    nn.Flatten: ("start_dim", "end_dim"),
    nn.GroupNorm: ("num_groups", "num_channels", "eps", "affine"),
    nn.Identity: (),
    nn.LayerNorm: ("normalized_shape", "eps", "elementwise_affine"),
    nn.Linear: ("in_features", "out_features", "bias"),
    nn.MaxPool1d: _MAXIMUM,
    nn.MaxPool2d: _MAXIMUM,
    nn.ReLU: ("inplace",),
    nn.Unflatten: ("dim", "unflattened_size"),
}
_NAMES = {f"torch.{kind.__name__}": kind for kind in _TORCH}
_FLOATS = {torch.float32, torch.float64}
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
#: no latency is longer: emissions are remembered that long
_LONGEST = 10_000_000


def encode_module(module: nn.Module, where: str) -> dict[str, Any]:
    """Plain data for a transform; its tensors are saved under their own names.

    Raises
    ------
    FileFormatError
        Where a file could not make the module again.
    """
    if any(getattr(module, hooks, None) for hooks in _HOOKS):
        kind = type(module).__name__
        raise FileFormatError(f"{where} ({kind}) has hooks, which a file cannot hold: remove them before saving.")
    if type(module) is Linear:
        sizes = {"in_features": module.in_features, "out_features": module.out_features}
        return {"type": "Linear", **sizes, "bias": module.bias is not None, "latency": _steps(module.latency)}
    if type(module) is Sparse:
        learn = isinstance(module.weight, nn.Parameter)
        return {"type": "Sparse", "sizes": list(module.sizes), "latency": _steps(module.latency), "learn": learn}
    names = _TORCH.get(type(module))
    if names is None or getattr(module, "return_indices", False):
        kinds = ", ".join(("Linear", *(kind.__name__ for kind in _TORCH)))
        raise FileFormatError(
            f"{where} is a {type(module).__name__}, whose class a file cannot hold: build the network from {kinds}, "
            f"or save its state_dict() and make the network in code."
        )
    values = {n: getattr(module, n) for n in names}
    if "bias" in values:
        values["bias"] = module.bias is not None
    return {"type": f"torch.{type(module).__name__}", **{n: _plain(v) for n, v in values.items()}}


def decode_module(record: Record, take: Callable[[str], torch.Tensor | None]) -> nn.Module:
    """The module that :func:`encode_module` described, with its tensors from ``take(name)`` (None: the file has none).

    Nothing of the declared size is allocated before the tensors are seen to have it.
    """
    kind = record.choice("type", "Linear", "Sparse", *_NAMES)
    if kind == "Sparse":
        return _sparse(record, take)
    with torch.device("meta"):
        if kind == "Linear":
            sizes = record.whole("in_features", 1), record.whole("out_features", 1)
            module: nn.Module = Linear(*sizes, record.flag("bias"))
        else:
            arguments = {n: _argument(record, n) for n in _TORCH[_NAMES[kind]] if n in record}
            module = _NAMES[kind](**arguments)
    fill(module, take, record.where)
    if isinstance(module, Linear):
        table = take("latency_table")
        module.latency = _latency(record, table, (module.out_features, module.in_features))
        if table is not None:
            module.register_buffer("latency_table", table, persistent=True)
    return module


def fill(module: nn.Module, take: Callable[[str], torch.Tensor | None], where: str) -> None:
    """Put a tensor of the file in the place of every parameter and buffer of ``module`` itself."""
    tables: tuple[Any, Any] = (module._parameters, module._buffers)
    for table in tables:
        for name, old in table.items():
            if old is None:
                continue
            new = take(name)
            if new is None:
                raise damaged(where, f"tensor {name!r} is missing")
            if new.shape != old.shape or not (new.dtype == old.dtype or {new.dtype, old.dtype} <= _FLOATS):
                raise damaged(f"{where}.{name}", f"is {_of(new)}, expected {_of(old)}")
            table[name] = nn.Parameter(new) if isinstance(old, nn.Parameter) else new


def _sparse(record: Record, take: Callable[[str], torch.Tensor | None]) -> Sparse:
    """Synapses index memory in native kernels, so every index is checked."""
    sizes = record.sizes("sizes")
    if sizes is None or len(sizes) != 2:
        raise record.error("sizes", "two positive whole numbers")
    pre, post, weight = (take(n) for n in ("pre", "post", "weight"))
    if pre is None or post is None or weight is None or not pre.shape == post.shape == weight.shape or pre.ndim != 1:
        raise damaged(record.where, "pre, post and weight are not three lists of equal length")
    for name, index, size in (("pre", pre, sizes[0]), ("post", post, sizes[1])):
        if index.dtype != torch.int64 or (index.numel() and not 0 <= int(index.min()) <= int(index.max()) < size):
            raise damaged(record.where, f"{name} names a cell outside 0 to {size - 1}")
    backwards = (pre[1:] < pre[:-1]) | ((pre[1:] == pre[:-1]) & (post[1:] < post[:-1]))
    if bool(backwards.any()) or weight.dtype not in _FLOATS:
        raise damaged(record.where, "the synapses are not sorted by pre and post, or their weights are no numbers")
    latency = _latency(record, take("latency_table"), tuple(pre.shape))
    return Sparse(Synapses(pre, post, (sizes[0], sizes[1])), weight, latency, record.flag("learn"))


def _latency(record: Record, table: torch.Tensor | None, shape: tuple[int, ...]) -> torch.Tensor | int:
    if table is None:
        latency = record.whole("latency")
        if latency > _LONGEST:
            raise record.error("latency", f"at most {_LONGEST} steps")
        return latency
    fits = tuple(table.shape) == shape and table.dtype == torch.int32
    if not fits or (table.numel() and not 0 <= int(table.min()) <= int(table.max()) <= _LONGEST):
        expected = f"torch.int32 {list(shape)} from 0 to {_LONGEST}"
        raise damaged(record.where, f"latency_table is {_of(table)}, expected {expected}")
    return table


def _steps(latency: torch.Tensor | int) -> int | None:
    return None if isinstance(latency, torch.Tensor) else latency


def _of(tensor: torch.Tensor) -> str:
    return f"{tensor.dtype} {list(tensor.shape)}"


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _argument(record: Record, name: str) -> Any:
    """A number, a word, true or false, or a list of whole numbers."""
    value = record.data[name]
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return record.whole(name, -(2**40))
    if isinstance(value, float):
        return record.number(name)
    if isinstance(value, str):
        return record.choice(name, "zeros", "reflect", "replicate", "circular", "same", "valid")
    if isinstance(value, list) and len(value) < 16 and all(type(n) is int and abs(n) < 2**40 for n in value):
        return tuple(value)
    raise record.error(name, "a number, a word or a list of whole numbers")
