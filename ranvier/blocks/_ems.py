"""Full-spike membrane-shortcut residual blocks."""

from __future__ import annotations

import math

import torch
from torch import nn

from ranvier.blocks._parts import MakeCell, MakeNorm, check_sizes, convolution
from ranvier.connectivity import ThresholdBatchNorm
from ranvier.errors import ShapeError
from ranvier.network import Residual
from ranvier.neurons import LIF

__all__ = ["ems"]


def ems(
    in_channels: int, out_channels: int | None = None, *, stride: int = 1, gain: float = 0.2, cell: MakeCell = LIF,
    norm: MakeNorm = ThresholdBatchNorm,
) -> Residual:  # fmt: skip
    """Full-spike block: y = A(x) + P(x), A = (cell, convolution, norm) twice; every convolution takes spikes.

    x [T, B, in_channels, H, W] are currents, and so is y, with ``out_channels`` (the same where None) and H, W divided by ``stride`` and
    rounded up. P is the identity if the shape stays the same; otherwise it is (max pooling over ``stride`` x ``stride`` pixels, cell,
    convolution of size 1, norm). In :func:`ms` P has no cell, so its convolution multiplies currents. The weight of the last norm of A starts at ``gain`` times
    its usual value, so that gradients keep their size over many blocks. Put a convolution before a row of blocks, and a cell after it.
    ``cell()`` and ``norm(channels)`` make the parts. The second form of the source, which appends channels to those of x, is not
    implemented.

    Raises
    ------
    ShapeError
        For a number of channels, a stride or a gain that is not positive.

    Source: Su et al., ICCV 2023 (EMS-YOLO).

    >>> net = rv.Sequential(rv.Conv2d(3, 64, 3, padding=1), rv.blocks.ems(64), rv.blocks.ems(64, 128, stride=2), rv.LIF(), dt=1*ms)
    """
    made = in_channels if out_channels is None else out_channels
    check_sizes("ems", in_channels=in_channels, out_channels=made, stride=stride)
    pool = [nn.MaxPool2d(stride, ceil_mode=True)] if stride > 1 else []
    same = made == in_channels and stride == 1
    past = () if same else (*pool, cell(), *convolution(in_channels, made, norm, size=1))
    if not isinstance(gain, int | float) or not 0 < gain < math.inf:
        raise ShapeError(f"ems: gain={gain!r} must be a number above 0.")
    last, behind = convolution(made, made, norm)
    weight = getattr(behind, "weight", None)
    if gain != 1 and not isinstance(weight, nn.Parameter):
        raise ShapeError(
            f"ems: {type(behind).__name__} has no weight that gain={gain} could scale: give gain=1, or another norm."
        )
    if isinstance(weight, nn.Parameter):
        with torch.no_grad():
            weight *= gain
    return Residual(cell(), *convolution(in_channels, made, norm, stride=stride), cell(), last, behind, shortcut=past)
