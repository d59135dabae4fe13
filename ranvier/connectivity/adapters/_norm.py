"""Norms of torch as transforms: affine maps outside training where they keep running statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from ranvier.connectivity._fit import channels
from ranvier.connectivity.adapters._adapter import Adapter
from ranvier.connectivity.affine import Affine, settled
from ranvier.connectivity.hooks import is_unfinished
from ranvier.connectivity.partial_shape import PartialShape

if TYPE_CHECKING:
    from ranvier.kernels.step import Builder

__all__ = ["BatchNormAdapter", "InstanceNormAdapter", "SampleNormAdapter"]

_ARGUMENTS = ("num_features", "eps", "momentum", "affine", "track_running_stats")
#: axes of a sample behind its channels
_SPACE: dict[type[nn.Module], tuple[int, ...]] = {
    nn.BatchNorm1d: (0, 1), nn.BatchNorm2d: (2,), nn.BatchNorm3d: (3,),
    nn.InstanceNorm1d: (1,), nn.InstanceNorm2d: (2,), nn.InstanceNorm3d: (3,),
}  # fmt: skip


class _ChannelNormAdapter(Adapter):
    """A norm with factors for each channel."""

    def refusal(self, shape: tuple[int, ...]) -> str | None:
        """Channels, and the space of its kind."""
        module: Any = self.module
        space = next((axes for kind, axes in _SPACE.items() if isinstance(self.module, kind)), None)
        if space is None or is_unfinished(module):
            return None
        return channels(shape, space, module.num_features, "num_features")

    def takes(self) -> PartialShape:
        """Channels, then any space."""
        return (self.module.num_features, ...)  # pyright: ignore[reportReturnType]

    def gives(self, shape: PartialShape) -> PartialShape:
        """The same shape."""
        return shape

    def lower(self, builder: Builder, source: str, name: str) -> str:
        """Factors and shifts, where no weight holds them."""
        from ranvier.connectivity.lowering import lower_affine

        return lower_affine(self, builder, source, name)


class BatchNormAdapter(_ChannelNormAdapter):
    """A norm over time, batch and space."""

    kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    arguments = dict.fromkeys(kinds, _ARGUMENTS)
    normalises = True

    def mixes(self) -> bool:
        """Whether statistics are those of the batch."""
        return self.module.training or self.module.running_mean is None

    def affine(self) -> Affine:
        """Factors and shifts by the running statistics."""
        module: Any = self.module
        return settled(module.running_mean, module.running_var, module.weight, module.bias, module.eps)


class InstanceNormAdapter(_ChannelNormAdapter):
    """A norm over the space of each sample, which may keep running statistics."""

    kinds = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)

    @property
    def normalises(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether training moves running statistics."""
        return self.module.running_mean is not None

    def affine(self) -> Affine | None:
        """Factors and shifts by the running statistics; None where each sample has its own."""
        module: Any = self.module
        if not self.normalises:
            return None
        return settled(module.running_mean, module.running_var, module.weight, module.bias, module.eps)


class SampleNormAdapter(Adapter):
    """A norm over the features of each sample."""

    kinds = (nn.GroupNorm, nn.LayerNorm)
    arguments = {  # noqa: RUF012
        nn.GroupNorm: ("num_groups", "num_channels", "eps", "affine"),
        nn.LayerNorm: ("normalized_shape", "eps", "elementwise_affine"),
    }

    def takes(self) -> PartialShape:
        """Channels in groups, then any space; or the last axes."""
        module: Any = self.module
        return (module.num_channels, ...) if hasattr(module, "num_channels") else (..., *module.normalized_shape)

    def gives(self, shape: PartialShape) -> PartialShape:
        """The same shape."""
        return shape

    def refusal(self, shape: tuple[int, ...]) -> str | None:
        """Channels in groups, or the last axes."""
        module: Any = self.module
        if hasattr(module, "num_channels"):
            return channels(shape, range(4), module.num_channels, "num_channels")
        last = tuple(module.normalized_shape)
        if tuple(shape[-len(last) :]) == last:
            return None
        return f"normalises last axes of {last}, but a sample has shape {shape}: give normalized_shape={shape[-1:]}."
