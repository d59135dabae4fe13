"""A convolution in one, two or three dimensions: its products and nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from ranvier.connectivity._fit import around, channels, windows
from ranvier.connectivity._spatial import Spatial
from ranvier.connectivity.hooks import is_unfinished
from ranvier.connectivity.partial_shape import windowed
from ranvier.kernels.provider import Runnable
from ranvier.kernels.tasks import ConvolutionProduct

if TYPE_CHECKING:
    from ranvier.connectivity.transform import Transform
    from ranvier.kernels.step import Builder
    from ranvier.storages import Stored

__all__ = ["ARGUMENTS", "Convolution"]

Tensor = torch.Tensor
#: what makes a convolution again, beside its bias
ARGUMENTS = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "padding_mode")


class Convolution(Spatial):
    """A kernel [out, in/groups, …] over space, as a convolution of torch describes it."""

    def refusal(self, shape: tuple[int, ...]) -> str | None:
        """Channels, and a kernel no larger than their space."""
        m: Any = self.module
        if is_unfinished(m):
            return None
        reach = self._reach()
        found = channels(shape, (len(reach),), m.in_channels, "in_channels")
        found = found or around(shape, reach, m.padding, m.padding_mode)
        if found is not None or m.padding == "same":
            return found
        return windows(shape, reach, (0,) * len(reach) if m.padding == "valid" else m.padding)

    def space(self, sizes: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The places of its kernel."""
        m: Any = self.module
        if m.padding == "same":
            return sizes
        return windowed(sizes, self._reach(), m.stride, (0,) * len(sizes) if m.padding == "valid" else m.padding)

    def _reach(self) -> list[int]:
        """Numbers from one end of the kernel to the other, along each axis."""
        m: Any = self.module
        return [d * (k - 1) + 1 for d, k in zip(m.dilation, m.kernel_size, strict=False)]

    def product(self, x: Tensor, weight: Tensor, bias: Tensor | None = None, carrier: Runnable | None = None) -> Tensor:
        """``x`` [rows, in, …] -> [rows, out, …]."""
        m: Any = self.module
        if carrier is None or m.padding_mode != "zeros" or isinstance(m.padding, str):
            return m._conv_forward(x, weight, bias)
        return carrier(
            ConvolutionProduct(x, weight, bias, m.stride, m.padding, m.dilation, False, m.output_padding, m.groups)
        )

    def spread_inputs(self, each: Tensor) -> Tensor:
        """[out, in/groups, 1, …]: each group of outputs has inputs of its own."""
        m: Any = self.module
        table = each.reshape(m.groups, 1, -1).expand(-1, m.out_channels // m.groups, -1).reshape(m.out_channels, -1)
        return table.reshape(*table.shape, *(1 for _ in m.kernel_size))

    def cannot_hold(self, norm: Transform, channels: int, before: bool = False) -> str | None:
        """Inputs are channels too; zeros around a sample are not shifted by a norm before it."""
        m: Any = self.module
        if not before:
            return super().cannot_hold(norm, channels)
        if channels != m.in_channels:
            return self._other_axis(channels, f"behind it has {m.in_channels} inputs")
        padded = m.padding == "same" or (m.padding != "valid" and any(m.padding))
        if padded and m.padding_mode == "zeros":
            return f"stands before {self.kind} with padding={m.padding!r}, whose zeros it does not shift; put it behind a map."
        return None

    def carry(self, weight: Tensor | Stored, builder: Builder, source: str, name: str, target: str | None) -> str:
        """A convolution of planes as a node of its own; in other dimensions, or padded otherwise, the numbers of the map."""
        from ranvier.connectivity.lowering import convolution

        found = convolution(self.module, weight, builder, source, name, target)
        return super().carry(weight, builder, source, name, target) if found is None else found
