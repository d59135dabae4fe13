"""Spike-element-wise residual blocks."""

from __future__ import annotations

from ranvier.blocks._parts import MakeCell, MakeNorm, check_sizes, convolution
from ranvier.connectivity import ThresholdBatchNorm
from ranvier.network import Residual
from ranvier.neurons import LIF

__all__ = ["sew"]


def sew(
    in_channels: int, out_channels: int | None = None, *, stride: int = 1, join: str = "add", cell: MakeCell = LIF,
    norm: MakeNorm = ThresholdBatchNorm,
) -> Residual:  # fmt: skip
    """Spike-element-wise block: y = join(A(s), s), A = (convolution, norm, cell) twice.

    s [T, B, in_channels, H, W] spikes; y has ``out_channels`` (the same where None) and H, W divided by ``stride``. With
    ``join="add"`` y counts up to two spikes, with ``"and"`` and ``"iand"`` it stays binary. Where channels or size
    change, the way past is a convolution of size 1 with norm and cell. ``cell()`` and ``norm(channels)`` make the parts.

    Raises
    ------
    ShapeError
        Where a number of channels or the stride is not positive.

    Source: Fang et al., NeurIPS 2021 (Deep residual learning in spiking neural networks).

    >>> net = rv.Sequential(rv.Conv2d(3, 64, 3, padding=1), rv.LIF(), rv.blocks.sew(64), rv.blocks.sew(64, 128, stride=2), dt=1*ms)
    """
    made = in_channels if out_channels is None else out_channels
    check_sizes("sew", in_channels=in_channels, out_channels=made, stride=stride)
    first = convolution(in_channels, made, norm, stride=stride)
    same = made == in_channels and stride == 1
    past = () if same else (*convolution(in_channels, made, norm, size=1, stride=stride), cell())
    return Residual(*first, cell(), *convolution(made, made, norm), cell(), shortcut=past, join=join)
