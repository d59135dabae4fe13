"""Transforms as plain data: the modules that a file may name, each with the arguments that make it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ranvier.connectivity import (
    Conv2d,
    Linear,
    ProceduralSynapses,
    Sparse,
    StepBatchNorm,
    Synapses,
    ThresholdBatchNorm,
)
from ranvier.connectivity.transform import Placement
from ranvier.errors import FileFormatError
from ranvier.network._hooks import has_hook
from ranvier.network._saving._delays import LONGEST, decode_delays, encode_delays
from ranvier.network._saving._procedural import decode_procedural, encode_procedural
from ranvier.network._saving._record import Record, damaged

__all__ = ["decode_module", "encode_module"]

Take = Callable[[str], torch.Tensor | None]

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
_THRESHOLD = ("num_features", "V_th", "alpha", "eps", "momentum")
#: our own modules without delays
_OWN: dict[type[nn.Module], tuple[str, ...]] = {StepBatchNorm: _THRESHOLD, ThresholdBatchNorm: _THRESHOLD}
#: transforms whose weights may have delays and signs
_DELAYED: dict[type[Linear | Conv2d], tuple[str, ...]] = {
    Linear: ("in_features", "out_features"),
    Conv2d: _CONVOLUTION,
}
_NAMES = {f"torch.{kind.__name__}": kind for kind in _TORCH} | {kind.__name__: kind for kind in _OWN}
_KINDS = {kind: name for name, kind in _NAMES.items()}
_ARGUMENTS = _TORCH | _OWN
_FLOATS = {torch.float32, torch.float64}


def encode_module(
    module: nn.Module, where: str, name: str, tensors: dict[str, torch.Tensor], place: Placement
) -> dict[str, Any]:
    """Plain data for a transform; parameters and buffers are saved already, further arrays go to ``tensors`` under ``name``.

    ``place`` is where it stands in time.

    Raises
    ------
    FileFormatError
        Where a file could not make the module again.
    """
    if has_hook(module):
        kind = type(module).__name__
        raise FileFormatError(f"{where} ({kind}) has hooks, which a file cannot hold: remove them before saving.")
    if isinstance(module, Linear | Conv2d) and type(module) in _DELAYED:
        sizes = {n: _plain(getattr(module, n)) for n in _DELAYED[type(module)]}
        own = None if place.table is not None else place.latency - place.lag
        when = {"latency": own, "delay": encode_delays(module.delay)}
        kept = {"bias": module.bias is not None, "sign": None if module.sign is None else module.sign.shape[1]}
        return {"type": type(module).__name__, **sizes, **kept, **when}
    if type(module) is Sparse:
        own = None if isinstance(module.latency, torch.Tensor) else module.latency
        when = {"latency": own, "delay": encode_delays(module.delay)}
        when |= {"learn": isinstance(module.weight, nn.Parameter), "bounds": list(module.bounds)}
        return {"type": "Sparse", "sizes": list(module.sizes), **when}
    if type(module) is ProceduralSynapses:
        return encode_procedural(module, name, tensors)
    names = _ARGUMENTS.get(type(module))
    if names is None or getattr(module, "return_indices", False):
        kinds = ", ".join((*(kind.__name__ for kind in (*_DELAYED, *_OWN)), *_NAMES))
        raise FileFormatError(
            f"{where} is a {type(module).__name__}, whose class a file cannot hold: save the numbers, "
            f"torch.save(net.state_dict(), path), make the network in code and call net.load_state_dict; or build it from {kinds}."
        )
    values = {n: getattr(module, n) for n in names}
    if "bias" in values:
        values["bias"] = module.bias is not None
    return {"type": _KINDS[type(module)], **{n: _plain(v) for n, v in values.items()}}


def decode_module(record: Record, take: Take, place: Placement) -> nn.Module:
    """The module that :func:`encode_module` described, with its tensors from ``take(name)`` (None: the file has none).

    ``place`` has the dt and the lag of the projection in which it first stands.
    Nothing of the declared size is allocated before the tensors are seen to have it.
    """
    delayed = {kind.__name__: kind for kind in _DELAYED}
    kind = record.choice("type", *delayed, "Sparse", "Procedural", *_NAMES)
    if kind in ("Sparse", "Procedural"):
        return _sparse(record, take, place) if kind == "Sparse" else decode_procedural(record, take)
    with torch.device("meta"):
        if kind in delayed:
            sizes = {n: record.whole(n, 1) for n in _DELAYED[delayed[kind]][:2]}
            rest = {n: _argument(record, n) for n in _DELAYED[delayed[kind]][2:] if n in record}
            module: nn.Module = delayed[kind](**sizes, **rest, bias=record.flag("bias"))
        else:
            arguments = {n: _argument(record, n) for n in _ARGUMENTS[_NAMES[kind]] if n in record}
            module = _NAMES[kind](**arguments)
        if isinstance(module, Linear | Conv2d) and "sign" in record:
            inputs = record.whole("sign", 1)
            if inputs not in (1, module.weight.shape[1]):
                raise record.error("sign", f"1 or {module.weight.shape[1]}")
            module.sign = torch.empty(1, inputs, *(1 for _ in module.weight.shape[2:]))
    fill(module, take, record.where)
    if isinstance(module, Linear | Conv2d):
        if module.sign is not None and not bool(torch.isin(module.sign, torch.tensor([-1.0, 0.0, 1.0])).all()):
            raise damaged(f"{record.where}.sign", "holds other numbers than -1, 0 and 1")
        _put_delays(module, record, take, place)
    return module


def fill(module: nn.Module, take: Take, where: str, parameters: bool = True) -> None:
    """Put a tensor of the file in the place of every parameter (if ``parameters``) and buffer of ``module`` itself."""
    tables: tuple[Any, ...] = (module._parameters, module._buffers) if parameters else (module._buffers,)
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


def _put_delays(module: Linear | Conv2d, record: Record, take: Take, place: Placement) -> None:
    """Times in ms from the whole steps of the file, or learnable ones."""
    shape = tuple(module.weight.shape)
    steps = _latency(record, take("latency_table"), shape)
    if isinstance(steps, torch.Tensor):
        if steps.numel() and int(steps.min()) < place.lag:
            raise damaged(record.where, f"latency_table is below the lag of {place.lag} steps")
        module.keep_times((steps.double().numpy() - place.lag) * place.dt)
    elif steps:
        module.keep_times(steps * place.dt)
    delay = decode_delays(record, shape, record.where, take, place.dt)
    if delay is not None:
        module.keep_learnable(delay)


def _sparse(record: Record, take: Take, place: Placement) -> Sparse:
    """Synapses index memory in native kernels, so every index is checked."""
    sizes = record.sizes("sizes")
    if sizes is None or len(sizes) != 2:
        raise record.error("sizes", "two positive whole numbers")
    pointer, target, weight = (take(n) for n in ("row_pointer", "target", "weight"))
    if pointer is None or target is None or weight is None:
        raise damaged(record.where, "row_pointer, target or weight is missing")
    kinds = pointer.dtype == torch.int64 and target.dtype == torch.int32 and weight.dtype in _FLOATS
    count = target.numel()
    if not kinds or target.ndim != 1 or tuple(pointer.shape) != (sizes[0] + 1,) or weight.shape not in ((1,), (count,)):
        raise damaged(record.where, "row_pointer, target and weight do not describe synapses")
    if int(pointer[0]) != 0 or int(pointer[-1]) != count or bool((pointer.diff() < 0).any()):
        raise damaged(record.where, f"row_pointer does not rise from 0 to the number of synapses, {count}")
    if count and not 0 <= int(target.min()) <= int(target.max()) < sizes[1]:
        raise damaged(record.where, f"target names a cell outside 0 to {sizes[1] - 1}")
    backwards = target[1:] < target[:-1]
    borders = pointer[1:-1][(pointer[1:-1] > 0) & (pointer[1:-1] < count)]
    backwards[borders - 1] = False
    if bool(backwards.any()):
        raise damaged(record.where, "the synapses are not sorted by presynaptic and then by postsynaptic cell")
    bounds = record.data.get("bounds", [None, None])
    if not isinstance(bounds, list) or len(bounds) != 2 or any(type(x) not in (float, int, type(None)) for x in bounds):
        raise record.error("bounds", "two numbers or null")
    learn = record.flag("learn")
    if learn and weight.numel() != count:
        raise damaged(record.where, "weights that are learnt are not one per synapse")
    latency = _latency(record, take("latency_table"), (count,), (torch.uint8, torch.int16, torch.int32))
    synapses = Synapses(pointer.numpy(), target.numpy(), (sizes[0], sizes[1]))
    delay = decode_delays(record, (count,), record.where, take, place.dt)
    return Sparse(synapses, weight, latency, learn, delay, (bounds[0], bounds[1]), place.lag)


def _latency(
    record: Record, table: torch.Tensor | None, shape: tuple[int, ...], kinds: tuple[torch.dtype, ...] = (torch.int32,)
) -> torch.Tensor | int:
    if table is None:
        latency = record.whole("latency")
        if latency > LONGEST:
            raise record.error("latency", f"at most {LONGEST} steps")
        return latency
    fits = tuple(table.shape) == shape and table.dtype in kinds
    if not fits or (table.numel() and not 0 <= int(table.min()) <= int(table.max()) <= LONGEST):
        expected = f"{kinds[-1]} {list(shape)} from 0 to {LONGEST}"
        raise damaged(record.where, f"latency_table is {_of(table)}, expected {expected}")
    return table


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
