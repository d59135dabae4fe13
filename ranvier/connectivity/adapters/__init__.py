"""Modules of torch as transforms: one small adapter for each family, and the opaque one for every other module."""

from __future__ import annotations

from torch import nn

from ranvier.connectivity.adapters._adapter import Adapter
from ranvier.connectivity.adapters._average import AverageAdapter
from ranvier.connectivity.adapters._convolution import ConvolutionAdapter
from ranvier.connectivity.adapters._dropout import DropoutAdapter
from ranvier.connectivity.adapters._linear import LinearAdapter
from ranvier.connectivity.adapters._maximum import MaximumAdapter
from ranvier.connectivity.adapters._norm import BatchNormAdapter, InstanceNormAdapter, SampleNormAdapter
from ranvier.connectivity.adapters._opaque import Opaque
from ranvier.connectivity.adapters._pointwise import PointwiseAdapter
from ranvier.connectivity.adapters._transposed import TransposedAdapter
from ranvier.connectivity.adapters._view import ViewAdapter

__all__ = ["ADAPTERS", "Adapter", "Opaque"]

#: by class of torch
ADAPTERS: dict[type[nn.Module], type[Adapter]] = {
    kind: adapter
    for adapter in (
        AverageAdapter, BatchNormAdapter, ConvolutionAdapter, DropoutAdapter, InstanceNormAdapter, LinearAdapter,
        MaximumAdapter, PointwiseAdapter, SampleNormAdapter, TransposedAdapter, ViewAdapter,
    )
    for kind in adapter.kinds
}  # fmt: skip
