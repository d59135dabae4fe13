"""Functions of single numbers as transforms."""

from __future__ import annotations

from torch import nn

from ranvier.connectivity.adapters._adapter import Adapter
from ranvier.connectivity.partial_shape import PartialShape

__all__ = ["PointwiseAdapter"]


class PointwiseAdapter(Adapter):
    """A function of each number by itself."""

    kinds = (nn.ReLU,)
    arguments = {nn.ReLU: ("inplace",)}  # noqa: RUF012

    def gives(self, shape: PartialShape) -> PartialShape:
        """The same shape."""
        return shape
