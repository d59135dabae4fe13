"""Convolution over a volume with a delay, if wanted, for every synapse of its kernel."""

from __future__ import annotations

from torch import nn

from ranvier.connectivity._convolution import ARGUMENTS, Convolution
from ranvier.connectivity._delayed_convolution import DelayedConvolution

__all__ = ["Conv3d"]


class Conv3d(DelayedConvolution, Convolution, nn.Conv3d):
    """``torch.nn.Conv3d`` at every step, whose kernel elements [out, in, depth, height, width] may each act later.

    Every place shares the kernel, and with it the delays. Parameters and options are those of :class:`ranvier.Conv2d`.

    >>> conv = rv.Conv3d(1, 8, 3, delay=2*ms)
    """

    arguments = ARGUMENTS
    axes = 3
