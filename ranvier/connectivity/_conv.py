"""Convolution over a plane with a delay, if wanted, for every synapse of its kernel."""

from __future__ import annotations

from torch import nn

from ranvier.connectivity._convolution import ARGUMENTS, Convolution
from ranvier.connectivity._delayed_convolution import DelayedConvolution

__all__ = ["Conv2d"]


class Conv2d(DelayedConvolution, Convolution, nn.Conv2d):
    """``torch.nn.Conv2d`` at every step, whose kernel elements [out, in, height, width] may each act later.

    Every place shares the kernel, and with it the delays. With delays the input is laid out patch by patch, height x
    width times its size, and then carried as by :class:`ranvier.Linear`.

    Parameters
    ----------
    delay, interpolation, width
        As in :class:`ranvier.Linear`.
    per
        ``"synapse"``, or one delay for each input channel (``"pre"``) or output channel (``"post"``).
    sign
        As in :class:`ranvier.Linear`, per input channel.
    storage
        As in :class:`ranvier.Linear`; outputs are channels.
    options
        Those of ``torch.nn.Conv2d``; padding must be by a number of zeros where there are delays.

    >>> conv = rv.Conv2d(2, 32, 5, delay=rv.Learn(rv.Uniform(0*ms, 10*ms), max=10*ms))
    """

    arguments = ARGUMENTS
    axes = 2
