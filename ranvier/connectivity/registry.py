"""Which class is which transform: for modules of torch, and for names in files. Only here does a class's name decide."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ranvier.connectivity.bound import Binding, BoundTransform
from ranvier.connectivity.computed import make_plain
from ranvier.connectivity.hooks import has_hook
from ranvier.connectivity.transform import Transform
from ranvier.errors import FileFormatError

if TYPE_CHECKING:
    from ranvier.connectivity.adapters import Adapter
    from ranvier.limits.record import Record
    from ranvier.limits.tensors import Take

__all__ = ["describe", "rebuild", "transform_of"]

# Name in a file -> the module that holds the class, and the class.
_OWN: dict[str, tuple[str, str]] = {
    "Attention": ("_attention", "Attention"),
    "Channels": ("_channels", "Channels"),
    "SumOfChannels": ("_shared_sums", "SumOfChannels"),
    "SumOfPlaces": ("_shared_sums", "SumOfPlaces"),
    "BatchNormThroughTime": ("_norm_of_steps", "BatchNormThroughTime"),
    "TemporalBatchNorm": ("_norm_of_steps", "TemporalBatchNorm"),
    "Dropout": ("_dropout", "Dropout"),
    "LateralInhibition": ("_lateral_inhibition", "LateralInhibition"),
    "Linear": ("_linear", "Linear"),
    "Conv1d": ("_conv1d", "Conv1d"),
    "Conv2d": ("_conv", "Conv2d"),
    "Conv3d": ("_conv3d", "Conv3d"),
    "ConvTranspose2d": ("_conv_transpose2d", "ConvTranspose2d"),
    "StepBatchNorm": ("_norm", "StepBatchNorm"),
    "ThresholdBatchNorm": ("_norm", "ThresholdBatchNorm"),
    "PositionCode": ("_position_code", "PositionCode"),
    "SubmanifoldConv2d": ("_submanifold", "SubmanifoldConv2d"),
    "SubmanifoldConv3d": ("_submanifold", "SubmanifoldConv3d"),
    "SpikeCoding": ("_spike_coding", "SpikeCoding"),
    "TimeLinear": ("_time_linear", "TimeLinear"),
    "Sparse": ("_sparse", "Sparse"),
    "Procedural": ("_procedural", "ProceduralSynapses"),
}
#: what a subclass may define anew only if it computes something else
_COMPUTES = ("forward", "_conv_forward", "__call__")
_TORCH = "torch."


def transform_of(module: nn.Module) -> Transform:
    """``module`` itself where it is a transform, else the adapter that speaks for it."""
    return module if isinstance(module, Transform) else _adapter(module)


def _adapter(module: nn.Module) -> Adapter:
    """The adapter of the nearest class of torch that computes the same; for all other modules, the opaque one."""
    from ranvier.connectivity.adapters import ADAPTERS, Opaque

    own = vars(module)
    for kind in type(module).__mro__:
        if kind in ADAPTERS:
            same = all(getattr(type(module), n, None) is getattr(kind, n, None) and n not in own for n in _COMPUTES)
            return (ADAPTERS[kind] if same else Opaque)(module)
    return Opaque(module)


def describe(
    transform: Transform, where: str, name: str, tensors: dict[str, torch.Tensor], bound: BoundTransform
) -> dict[str, Any]:
    """Plain data for a transform; parameters and buffers are saved already, further arrays go to ``tensors`` under ``name``.

    ``bound`` is where it stands in time.

    Raises
    ------
    FileFormatError
        Where a file could not make the module again.
    """
    module, kind = transform.module, transform.kind
    if computed := make_plain(module, "weight", "bias"):
        raise FileFormatError(
            f"{where} ({kind}) computes a parameter from others, which a file cannot hold: make it plain first, as in {computed}, or save the "
            f"numbers, torch.save(net.state_dict(), path)."
        )
    if has_hook(module):
        raise FileFormatError(f"{where} ({kind}) has hooks, which a file cannot hold: remove them before saving.")
    label = _label(type(module))
    found = None if label is None else transform.describe(name, tensors, bound)
    if found is None:
        raise FileFormatError(
            f"{where} is a {kind}, whose class a file cannot hold: save the numbers, torch.save(net.state_dict(), path), make "
            f"the network in code and call net.load_state_dict; or build it from {', '.join(_labels())}."
        )
    return {"type": label, **found}


def rebuild(record: Record, take: Take, binding: Binding) -> nn.Module:
    """The module that :func:`describe` described, with its tensors from ``take``.

    ``binding`` has the dt and the lag of the projection in which it first stands.
    Nothing of the declared size is allocated before the tensors are seen to have it.
    """
    kind = record.choice("type", *_labels())
    if kind.startswith(_TORCH):
        from ranvier.connectivity.adapters import ADAPTERS

        torch_kind = getattr(nn, kind.removeprefix(_TORCH))
        return ADAPTERS[torch_kind].rebuild(torch_kind, record, take)
    file, name = _OWN[kind]
    return getattr(import_module(f"ranvier.connectivity.{file}"), name).rebuild(record, take, binding)


def _labels() -> list[str]:
    """Every name that a file may hold."""
    from ranvier.connectivity.adapters import ADAPTERS

    return [*_OWN, *(f"{_TORCH}{kind.__name__}" for kind, adapter in ADAPTERS.items() if kind in adapter.arguments)]


def _label(kind: type[nn.Module]) -> str | None:
    """The name of a class in files."""
    from ranvier.connectivity.adapters import ADAPTERS

    if kind in ADAPTERS:
        return f"{_TORCH}{kind.__name__}"
    here = kind.__module__.rpartition(".")
    return next((n for n, held in _OWN.items() if held == (here[2], kind.__name__)), None)
