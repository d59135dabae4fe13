"""A convolution in one, two or three dimensions: its products and nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from ranvier.connectivity._absorbing import Absorbing
from ranvier.connectivity._fit import channels, windows
from ranvier.connectivity.hooks import is_unfinished

if TYPE_CHECKING:
    from ranvier.kernels.step import Builder

__all__ = ["ARGUMENTS", "Convolution"]

Tensor = torch.Tensor
#: what makes a convolution again, beside its bias
ARGUMENTS = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "padding_mode")


class Convolution(Absorbing):
    """A kernel [out, in/groups, …] over space, as a convolution of torch describes it."""

    def refusal(self, shape: tuple[int, ...]) -> str | None:
        """Channels, and a kernel no larger than their space."""
        m: Any = self.module
        if is_unfinished(m):
            return None
        reach = [d * (k - 1) + 1 for d, k in zip(m.dilation, m.kernel_size, strict=True)]
        found = channels(shape, (len(reach),), m.in_channels, "in_channels")
        if found is not None or m.padding == "same":
            return found
        return windows(shape, reach, (0,) * len(reach) if m.padding == "valid" else m.padding)

    def product(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """``x`` [rows, in, …] -> [rows, out, …]."""
        module: Any = self.module
        return module._conv_forward(x, weight, bias)

    def carry(self, weight: Tensor, builder: Builder, source: str, name: str, target: str | None) -> str:
        """A convolution of planes as a node of its own; in other dimensions, or padded otherwise, the numbers of the map."""
        from ranvier.connectivity.lowering import convolution

        found = convolution(self.module, weight, builder, source, name, target)
        return super().carry(weight, builder, source, name, target) if found is None else found
