"""Membrane-shortcut residual blocks."""

from __future__ import annotations

from ranvier.blocks._parts import MakeCell, MakeNorm, check_sizes, convolution
from ranvier.connectivity import ThresholdBatchNorm
from ranvier.network import Residual
from ranvier.neurons import LIF

__all__ = ["ms"]


def ms(
    in_channels: int, out_channels: int | None = None, *, stride: int = 1, cell: MakeCell = LIF, norm: MakeNorm = ThresholdBatchNorm
) -> Residual:  # fmt: skip
    """Membrane-shortcut block: y = x + A(x), A = (cell, convolution, norm) twice.

    x [T, B, in_channels, H, W] are currents, and so is y, with ``out_channels`` (the same where None) and H, W divided by
    ``stride``: the way past carries no spikes, so gradients pass any number of blocks. Where channels or size change it is a
    convolution of size 1 with a norm. End a row of blocks with a cell. ``cell()`` and ``norm(channels)`` make the parts.

    Raises
    ------
    ShapeError
        Where a number of channels or the stride is not positive.

    Source: Hu et al., IEEE TNNLS 2024 (Advancing spiking neural networks toward deep residual learning).

    >>> net = rv.Sequential(rv.Conv2d(3, 64, 3, padding=1), rv.blocks.ms(64), rv.blocks.ms(64, 128, stride=2), rv.LIF(), dt=1*ms)
    """
    made = in_channels if out_channels is None else out_channels
    check_sizes("ms", in_channels=in_channels, out_channels=made, stride=stride)
    same = made == in_channels and stride == 1
    past = () if same else convolution(in_channels, made, norm, size=1, stride=stride)
    first = convolution(in_channels, made, norm, stride=stride)
    return Residual(cell(), *first, cell(), *convolution(made, made, norm), shortcut=past)
