"""Dropout as a transform: random in training, nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from ranvier.connectivity.adapters._adapter import Adapter
from ranvier.connectivity.partial_shape import PartialShape

if TYPE_CHECKING:
    from ranvier.kernels.step import Builder

__all__ = ["DropoutAdapter"]


class DropoutAdapter(Adapter):
    """Numbers or channels left out at random in training; the input itself otherwise."""

    kinds = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)
    arguments = dict.fromkeys((nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d), ("p", "inplace"))
    random = silent = True

    def gives(self, shape: PartialShape) -> PartialShape:
        """The same shape."""
        return shape

    def lower(self, builder: Builder, source: str, name: str) -> str:
        """The input itself."""
        return source
