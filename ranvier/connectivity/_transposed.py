"""A transposed convolution in one, two or three dimensions: its products and nodes."""

from __future__ import annotations

import math
from typing import Any

import torch

from ranvier.connectivity._fit import channels
from ranvier.connectivity._spatial import Spatial
from ranvier.connectivity.hooks import is_unfinished
from ranvier.kernels.products import carried
from ranvier.kernels.provider import Runnable
from ranvier.kernels.tasks import ConvolutionProduct

__all__ = ["ARGUMENTS", "Transposed"]

Tensor = torch.Tensor
#: what makes a transposed convolution again, beside its bias
ARGUMENTS = (
    "in_channels", "out_channels", "kernel_size", "stride", "padding", "output_padding", "groups", "dilation", "padding_mode",
)  # fmt: skip


class Transposed(Spatial):
    """A kernel [in, out/groups, …], each input spread over the places it would be gathered from."""

    def spread(self, each: Tensor) -> Tensor:
        """One number for each output [out], in a shape that multiplies the weight [in, out/groups, …]."""
        module: Any = self.module
        first, inputs = each.reshape(module.groups, 1, -1), module.in_channels // module.groups
        table = first.expand(-1, inputs, -1).reshape(module.in_channels, -1)
        return table.reshape(*table.shape, *(1 for _ in module.kernel_size))

    def operations(self, given: tuple[int, ...], made: tuple[int, ...]) -> int:
        """One for each input and each weight from it."""
        return math.prod(given) * math.prod(self.weight_shape[1:])

    def refusal(self, shape: tuple[int, ...]) -> str | None:
        """Channels, and a space of which the padding leaves something."""
        m: Any = self.module
        if is_unfinished(m):
            return None
        found = channels(shape, (len(m.kernel_size),), m.in_channels, "in_channels")
        made = self.gives(shape)[1:]
        if found is not None or all(n is None or n > 0 for n in made):  # pyright: ignore[reportOperatorIssue]
            return found
        return (
            f"makes space {made} from a sample of shape {shape}, because padding={m.padding} is left out at either side: give less "
            f"padding, or a larger kernel_size."
        )

    def space(self, sizes: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """What its kernels cover."""
        m: Any = self.module
        each = zip(sizes, m.kernel_size, m.stride, m.padding, m.dilation, m.output_padding, strict=False)
        return tuple(None if n is None else (n - 1) * s - 2 * p + d * (k - 1) + o + 1 for n, k, s, p, d, o in each)

    def product(self, x: Tensor, weight: Tensor, bias: Tensor | None = None, carrier: Runnable | None = None) -> Tensor:
        """``x`` [rows, in, …] -> [rows, out, …]."""
        m: Any = self.module
        sizes = (m.stride, m.padding, m.dilation, True, m.output_padding, m.groups)
        return carried(carrier, ConvolutionProduct(x, weight, bias, *sizes))
