"""The convolutions of torch as transforms."""

from __future__ import annotations

from torch import nn

from ranvier.connectivity._convolution import ARGUMENTS, Convolution
from ranvier.connectivity.adapters._adapter import Adapter

__all__ = ["ConvolutionAdapter"]


class ConvolutionAdapter(Convolution, Adapter):
    """A convolution in one, two or three dimensions."""

    kinds = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
    arguments = dict.fromkeys(kinds, (*ARGUMENTS, "bias"))
    lets_go = True
