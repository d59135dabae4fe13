"""Modules of torch inside a projection, with a leaner kernel where one is known to be equal."""

from __future__ import annotations

from torch import Tensor, nn

from ranvier.kernels import products
from ranvier.network._hooks import has_hook

__all__ = ["apply"]


def apply(module: nn.Module, x: Tensor, fast: bool) -> object:
    """``module(x)``; ``fast`` allows kernels of the cpu provider."""
    size = _pool_size(module) if fast and x.device.type == "cpu" and x.ndim == 4 else None
    return module(x) if size is None else products.max_pool2d(x, size)


def _pool_size(module: nn.Module) -> tuple[int, int] | None:
    """Pixels that a plain maximum pooling joins, each in one block; None for any other module."""
    if type(module) is not nn.MaxPool2d or has_hook(module):
        return None
    size, stride, padding, dilation = (
        (n, n) if isinstance(n, int) else tuple(n)
        for n in (module.kernel_size, module.stride, module.padding, module.dilation)
    )
    plain = size == stride and padding == (0, 0) and dilation == (1, 1)
    usual = not module.ceil_mode and not module.return_indices and size[0] * size[1] <= 256
    return (size[0], size[1]) if plain and usual else None
