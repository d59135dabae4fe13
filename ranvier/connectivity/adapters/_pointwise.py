"""Functions of single numbers as transforms."""

from __future__ import annotations

from torch import nn

from ranvier.connectivity.adapters._adapter import Adapter

__all__ = ["PointwiseAdapter"]


class PointwiseAdapter(Adapter):
    """A function of each number by itself."""

    kinds = (nn.ReLU,)
    arguments = {nn.ReLU: ("inplace",)}  # noqa: RUF012
