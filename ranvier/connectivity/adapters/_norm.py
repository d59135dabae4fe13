"""Norms of torch as transforms: affine maps outside training where they keep running statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from ranvier.connectivity.adapters._adapter import Adapter
from ranvier.connectivity.affine import Affine, settled

if TYPE_CHECKING:
    from ranvier.kernels.step import Builder

__all__ = ["BatchNormAdapter", "InstanceNormAdapter", "SampleNormAdapter"]

_ARGUMENTS = ("num_features", "eps", "momentum", "affine", "track_running_stats")


class BatchNormAdapter(Adapter):
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

    def lower(self, builder: Builder, source: str, name: str) -> str:
        """No node: its factors belong to the weights."""
        from ranvier.connectivity.lowering import refuse_norm

        raise refuse_norm(self.module, name)


class InstanceNormAdapter(Adapter):
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
