"""Parameters that are computed from others in every call, as torch's parametrizations and pruning do."""

from __future__ import annotations

from torch import nn
from torch.nn.utils import parametrize

__all__ = ["class_of", "make_plain"]


def class_of(module: nn.Module) -> type[nn.Module]:
    """The class of a module as it was written: a parametrization makes a class of its own."""
    return parametrize.type_before_parametrizations(module) if parametrize.is_parametrized(module) else type(module)


def make_plain(module: nn.Module, *names: str) -> str:
    """The call of torch that makes a parameter plain: the first of ``names`` that is computed from others; empty where none is."""
    return next((call for name in names if (call := _make_plain(module, name))), "")


def _make_plain(module: nn.Module, name: str) -> str:
    if parametrize.is_parametrized(module, name):
        return f"torch.nn.utils.parametrize.remove_parametrizations(module, {name!r})"
    if f"{name}_mask" in module._buffers:
        return f"torch.nn.utils.prune.remove(module, {name!r})"
    if f"{name}_g" in module._parameters:
        return f"torch.nn.utils.remove_weight_norm(module, {name!r})"
    if f"{name}_orig" in module._parameters:
        return f"torch.nn.utils.remove_spectral_norm(module, {name!r})"
    return ""
