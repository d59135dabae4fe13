"""Convolution over one axis with a delay, if wanted, for every synapse of its kernel."""

from __future__ import annotations

from torch import nn

from ranvier.connectivity._convolution import ARGUMENTS, Convolution
from ranvier.connectivity._delayed_convolution import DelayedConvolution

__all__ = ["Conv1d"]


class Conv1d(DelayedConvolution, Convolution, nn.Conv1d):
    """``torch.nn.Conv1d`` at every step, whose kernel elements [out, in, length] may each act later.

    Every place shares the kernel, and with it the delays. The axis is one of space or frequency: time is the first axis
    of what a network gets, and delays reach back in it. Parameters and options are those of :class:`ranvier.Conv2d`.

    >>> conv = rv.Conv1d(2, 16, 5, delay=rv.Learn(rv.Uniform(0*ms, 10*ms), max=10*ms))
    """

    arguments = ARGUMENTS
    axes = 1
