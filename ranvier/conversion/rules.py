"""Which layer of torch takes which role: one table for modules, one for functions and methods."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import fx, nn
from torch.nn import functional

from ranvier.conversion.qcfs import QCFS
from ranvier.conversion.roles import Adds, Fires, Maps, Passes, Refused, Role, Scales

__all__ = ["FUNCTIONS", "METHODS", "MODULES", "Called"]


class Called(NamedTuple):
    """A function or method as it was called: its arguments by place and name, values of the trace as ``fx.Node``."""

    arguments: tuple[Any, ...]
    named: Mapping[str, Any]

    def of(self, place: int, name: str, default: Any = None) -> Any:
        """One argument."""
        return self.arguments[place] if place < len(self.arguments) else self.named.get(name, default)


def _weighted(module: nn.Module) -> Role:
    return Maps(module, "weight")


def _through(module: nn.Module) -> Role:
    return Maps(module, "through")


def _largest(module: nn.Module) -> Role:
    if getattr(module, "return_indices", False):
        return Refused("leave return_indices out")
    return Maps(module, "through", exact=False)


def _norm(module: nn.Module) -> Role:
    if module.running_mean is None:
        return Refused(
            "train with track_running_stats=True: without running statistics its numbers depend on the batch"
        )
    return Maps(module, "nowhere")


def _clip(module: nn.Module) -> Role:
    return _between(module.min_val, module.max_val)


def _between(low: Any, high: Any) -> Role:
    limit = math.inf if high is None else high
    if low != 0 or not isinstance(limit, float | int) or limit <= 0:
        return Refused("spikes stand only for clips from 0 upwards, such as nn.ReLU6 or clamp(x, 0, 6)")
    return Fires(limit=None if limit == math.inf else float(limit))


def _padding(module: nn.Module) -> Role:
    if getattr(module, "value", 0) != 0:
        return Refused("pad with zeros: other padding does not scale with the input")
    return Maps(module, "through")


_CURVE = (
    "rates of spikes cannot stand for its values: train with nn.ReLU or rv.conversion.QCFS, or name it in averages="
)
_LAST = "leave it out: the class of the largest output stays the same; or name it in averages="


def _each(kinds: str, role: Callable[[nn.Module], Role]) -> dict[type[nn.Module], Callable[[Any], Role]]:
    return {getattr(nn, kind): role for kind in kinds.split()}


#: by class of torch; a class of your own is one more entry in ``layers=``
MODULES: dict[type[nn.Module], Callable[[Any], Role]] = {
    **_each("Linear Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d", _weighted),
    **_each("AvgPool1d AvgPool2d AvgPool3d AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d", _through),
    **_each("Flatten Unflatten PixelShuffle ChannelShuffle", _through),
    **_each("ZeroPad1d ZeroPad2d ZeroPad3d ConstantPad1d ConstantPad2d ConstantPad3d", _padding),
    **_each("MaxPool1d MaxPool2d MaxPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d", _largest),
    **_each("BatchNorm1d BatchNorm2d BatchNorm3d", _norm),
    **_each("Dropout Dropout1d Dropout2d Dropout3d AlphaDropout Identity", lambda module: Passes()),
    nn.ReLU: lambda module: Fires(),
    nn.ReLU6: lambda module: Fires(limit=6.0),
    nn.Hardtanh: _clip,
    QCFS: lambda module: Fires(threshold=float(module.V_th.detach())),
    **_each("GELU SiLU Mish Sigmoid Tanh ELU LeakyReLU PReLU Softplus Hardswish Hardsigmoid", lambda m: Refused(_CURVE)),
    **_each("Softmax LogSoftmax Softmin", lambda m: Refused(_LAST)),
}  # fmt: skip


def _flat(called: Called) -> Role:
    start, end = called.of(1, "start_dim", 0), called.of(2, "end_dim", -1)
    if start != 1:
        return Refused(f"start_dim={start} joins samples of a batch: flatten from dimension 1 on")
    return Maps(nn.Flatten(1, end), "through")


def _view(called: Called) -> Role:
    shape = called.arguments[1:]
    shape = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
    if len(shape) == 2 and shape[1] == -1:
        return Maps(nn.Flatten(), "through")
    if shape and all(isinstance(n, int) for n in shape[1:]) and shape[0] != 1:
        return Maps(nn.Sequential(nn.Flatten(), nn.Unflatten(1, shape[1:])), "through")
    return Refused("write view(x.size(0), …) with numbers for all other dimensions, or use nn.Flatten or nn.Unflatten")


class _Mean(nn.Module):
    """The mean over some axes of a sample."""

    def __init__(self, axes: tuple[int, ...], kept: bool) -> None:
        super().__init__()
        self.axes, self.kept = axes, kept

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Over the axes, of which 0 is that of samples."""
        return x.mean(self.axes, keepdim=self.kept)


def _mean(called: Called) -> Role:
    axes = called.of(1, "dim", ())
    axes = tuple(axes) if isinstance(axes, tuple | list) else (axes,)
    if not axes or 0 in axes:
        return Refused("a mean over samples depends on the batch: give the axes of a sample, such as mean((2, 3))")
    kept = called.of(2, "keepdim", False)
    if tuple(sorted(axes)) in ((2, 3), (-2, -1)):
        pool = nn.AdaptiveAvgPool2d(1)
        return Maps(pool if kept else nn.Sequential(pool, nn.Flatten()), "through")
    return Maps(_Mean(axes, kept), "through")


def _pool(kind: type[nn.Module], *names: str, exact: bool = True) -> Callable[[Called], Role]:
    def role(called: Called) -> Role:
        given = dict(zip(names, called.arguments[1:], strict=False)) | dict(called.named)
        given.pop("input", None)
        if given.pop("return_indices", False):
            return Refused("leave return_indices out")
        return Maps(kind(**given), "through", exact)

    return role


_AVERAGE = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")
_LARGEST = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")


def _sum(called: Called) -> Role:
    if called.named.get("alpha", 1) != 1:
        return Refused("add without alpha=")
    both = all(isinstance(a, fx.Node) for a in called.arguments[:2])
    return Adds() if both else Refused("spikes do not carry a constant: put it into the bias of a layer")


def _product(called: Called) -> Role:
    numbers = [a for a in called.arguments[:2] if isinstance(a, float | int)]
    if len(numbers) != 1:
        return Refused(
            "spikes cannot multiply two signals: put the product into a module, and name its class in averages="
        )
    return Scales(float(numbers[0]))


def _quotient(called: Called) -> Role:
    by = called.of(1, "other")
    return Scales(1 / by) if isinstance(by, float | int) and by else Refused("only division by a number is converted")


def _fires(called: Called) -> Role:
    return Fires()


def _clamped(called: Called) -> Role:
    return _between(called.of(1, "min"), called.of(2, "max"))


def _same(called: Called) -> Role:
    return Passes(note="changes no number")


def _dropped(called: Called) -> Role:
    if called.of(2, "training", True):
        return Refused("it acts in evaluation too: write training=self.training")
    return Passes()


def _shape(called: Called) -> Role:
    return Passes(value=False)


def _attribute(called: Called) -> Role:
    name = called.of(1, "name")
    return (
        Passes(value=False)
        if name in ("shape", "dtype", "device", "ndim")
        else Refused(f"no rule for the attribute {name}")
    )


def _apart(called: Called) -> Role:
    return Refused(
        "branches can be added, not concatenated or split: sum them, or put it into a module and name its class in averages="
    )


def _curve(called: Called) -> Role:
    return Refused(_CURVE)


def _last(called: Called) -> Role:
    return Refused(_LAST)


#: by method of a tensor
METHODS: dict[str, Callable[[Called], Role]] = {
    **dict.fromkeys(("relu", "relu_"), _fires), **dict.fromkeys(("clamp", "clamp_", "clip"), _clamped), "flatten": _flat,
    **dict.fromkeys(("view", "reshape"), _view), "mean": _mean, **dict.fromkeys(("add", "add_"), _sum),
    **dict.fromkeys(("mul", "mul_"), _product), **dict.fromkeys(("div", "div_"), _quotient),
    **dict.fromkeys(("contiguous", "clone", "detach", "float"), _same), **dict.fromkeys(("size", "dim"), _shape),
    **dict.fromkeys(("chunk", "split"), _apart), **dict.fromkeys(("sigmoid", "tanh"), _curve), **dict.fromkeys(("softmax", "log_softmax"), _last),
}  # fmt: skip
#: by function
FUNCTIONS: dict[Any, Callable[[Called], Role]] = {
    **dict.fromkeys((functional.relu, torch.relu, torch.relu_), _fires), functional.relu6: lambda called: Fires(limit=6.0),
    **dict.fromkeys((torch.clamp, torch.clip), _clamped), torch.flatten: _flat, torch.mean: _mean, torch.reshape: _view,
    **dict.fromkeys((operator.add, operator.iadd, torch.add), _sum),
    **dict.fromkeys((operator.mul, operator.imul, torch.mul), _product), **dict.fromkeys((operator.truediv, torch.div), _quotient),
    **dict.fromkeys((functional.dropout, functional.dropout2d, functional.dropout3d, functional.alpha_dropout), _dropped),
    functional.avg_pool1d: _pool(nn.AvgPool1d, *_AVERAGE[:-1]), functional.avg_pool2d: _pool(nn.AvgPool2d, *_AVERAGE),
    functional.adaptive_avg_pool1d: _pool(nn.AdaptiveAvgPool1d, "output_size"),
    functional.adaptive_avg_pool2d: _pool(nn.AdaptiveAvgPool2d, "output_size"),
    functional.max_pool1d: _pool(nn.MaxPool1d, *_LARGEST, exact=False), functional.max_pool2d: _pool(nn.MaxPool2d, *_LARGEST, exact=False),
    functional.adaptive_max_pool2d: _pool(nn.AdaptiveMaxPool2d, "output_size", exact=False),
    **dict.fromkeys((torch.cat, torch.concat, torch.stack, torch.chunk, torch.split), _apart), getattr: _attribute,
    **dict.fromkeys((functional.gelu, functional.silu, functional.leaky_relu, functional.elu, torch.sigmoid, torch.tanh), _curve),
    **dict.fromkeys((functional.softmax, functional.log_softmax, torch.softmax, torch.log_softmax), _last),
}  # fmt: skip
