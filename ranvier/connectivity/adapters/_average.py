"""Average pooling as a transform: a convolution of every channel by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from ranvier.connectivity.adapters._pooling import PoolingAdapter

if TYPE_CHECKING:
    from ranvier.kernels.step import Builder

__all__ = ["AverageAdapter"]

_ARGUMENTS = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad")


class AverageAdapter(PoolingAdapter):
    """The mean over windows of the plane of each channel."""

    kinds = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
    arguments = {  # noqa: RUF012
        nn.AdaptiveAvgPool1d: ("output_size",),
        nn.AdaptiveAvgPool2d: ("output_size",),
        nn.AdaptiveAvgPool3d: ("output_size",),
        nn.AvgPool1d: _ARGUMENTS,
        nn.AvgPool2d: (*_ARGUMENTS, "divisor_override"),
        nn.AvgPool3d: (*_ARGUMENTS, "divisor_override"),
    }
    space = {  # noqa: RUF012
        nn.AvgPool1d: 1, nn.AdaptiveAvgPool1d: 1, nn.AvgPool2d: 2, nn.AdaptiveAvgPool2d: 2, nn.AvgPool3d: 3,
        nn.AdaptiveAvgPool3d: 3,
    }  # fmt: skip
    linear_in_input = fixed = True

    def lower(self, builder: Builder, source: str, name: str) -> str:
        """A pooling where windows are plain, else the numbers of the map."""
        from ranvier.connectivity.lowering import lower_pool

        found = lower_pool("mean", self.module, builder, source, name)
        return super().lower(builder, source, name) if found is None else found
