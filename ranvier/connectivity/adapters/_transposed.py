"""The transposed convolutions of torch as transforms."""

from __future__ import annotations

from torch import nn

from ranvier.connectivity._transposed import ARGUMENTS, Transposed
from ranvier.connectivity.adapters._adapter import Adapter

__all__ = ["TransposedAdapter"]


class TransposedAdapter(Transposed, Adapter):
    """A transposed convolution in one, two or three dimensions."""

    kinds = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    arguments = dict.fromkeys(kinds, (*ARGUMENTS, "bias"))
