"""The convolutional block of Meta-SpikeFormer."""

from __future__ import annotations

from ranvier.blocks._parts import MakeCell, MakeNorm, check_sizes, convolution, pointwise
from ranvier.connectivity import Conv2d, ThresholdBatchNorm
from ranvier.errors import ShapeError
from ranvier.network import Residual
from ranvier.neurons import LIF

__all__ = ["spike_convolutions"]


def spike_convolutions(
    channels: int, *, size: int = 7, expansion: int = 2, hidden: int | None = None, cell: MakeCell = LIF,
    norm: MakeNorm = ThresholdBatchNorm,
) -> tuple[Residual, Residual]:  # fmt: skip
    """A block of convolutions with membrane shortcuts: mixing of places, then of channels; two residuals to unpack into ``rv.Sequential``.

    z = x + S(x), y = z + F(z). S is a separable convolution: cell, map to ``expansion*C`` channels at each place, norm, cell, depthwise
    convolution, norm, cell, map to C, norm. F is cell, convolution of size 3 to ``hidden`` channels, norm, cell, convolution of size 3 to
    C, norm. x [T, B, C, H, W] are currents, and so is y; end a row of blocks with a cell.

    The source has no cell between the depthwise convolution and the map to C, and merges both after training. Here a cell stands between them, so
    that every map takes spikes in training, too.

    Parameters
    ----------
    channels
        C.
    size
        Size of the depthwise convolution, odd.
    expansion, hidden
        The channels inside S as a multiple of C, and the channels inside F; 4C where None.
    cell, norm
        ``cell()`` and ``norm(channels)`` make the parts.

    Raises
    ------
    ShapeError
        For sizes that are not positive whole numbers, and an even ``size``.

    Source: Yao et al., ICLR 2024 (Spike-driven Transformer V2, Meta-SpikeFormer).

    >>> net = rv.Sequential(rv.Conv2d(1, 8, 3, padding=1), *rv.blocks.spike_convolutions(8, size=3), rv.LIF(), dt=1*ms)
    >>> net(torch.rand(4, 2, 1, 8, 8))[0].shape
    torch.Size([4, 2, 8, 8, 8])
    """
    wide = 4 * channels if hidden is None else hidden
    check_sizes("spike_convolutions", channels=channels, size=size, expansion=expansion, hidden=wide)
    if size % 2 == 0:
        raise ShapeError(
            f"spike_convolutions: size={size} is even, which would change height and width: give {size + 1}."
        )
    inner = expansion * channels
    each = Conv2d(inner, inner, size, padding=size // 2, groups=inner, bias=False), norm(inner)
    mixed = Residual(
        cell(), *pointwise(channels, inner, norm, 2), cell(), *each, cell(), *pointwise(inner, channels, norm, 2)
    )
    return mixed, Residual(cell(), *convolution(channels, wide, norm), cell(), *convolution(wide, channels, norm))
