"""Spiking self-attention with its shortcuts, and the convolutions that make tokens of an image."""

from __future__ import annotations

from torch import nn

from ranvier.blocks._parts import MakeCell, MakeNorm, check_sizes
from ranvier.blocks._tokens import check_transformer, transformer
from ranvier.blocks._vgg import vgg
from ranvier.connectivity import Attention, Conv2d, ThresholdBatchNorm
from ranvier.errors import ShapeError
from ranvier.network import Residual
from ranvier.neurons import LIF, Cell

__all__ = ["spikformer", "spiking_stem"]


def spikformer(
    channels: int, heads: int, *, hidden: int | None = None, shortcut: str = "add", axes: int = 2, scale: float = 0.25,
    steps: int = 1, cell: MakeCell = LIF, norm: MakeNorm = ThresholdBatchNorm,
) -> tuple[Residual, Residual]:  # fmt: skip
    """A block of Spikformer: spiking self-attention, then two layers at each token; two residuals to unpack into ``rv.Sequential``.

    With A = (map to 3C, norm, cell, :class:`ranvier.Attention`, cell, map to C, norm, cell) and M = (map to ``hidden``, norm, cell, map to C, norm,
    cell): z = x + A(x), y = z + M(z). All maps act on the channels of a token. x [T, B, C, places …] are spikes, or counts of spikes, and y is a
    count up to two larger. Put :func:`spiking_stem` before the first block.

    Parameters
    ----------
    channels, heads
        C, and the number of groups of channels that attend separately.
    hidden
        Channels between the two layers; 4C where None.
    shortcut
        ``"add"``: spikes are added, as above. ``"membrane"``: currents are added, every branch begins with a cell and ends with a norm, and all
        maps take binary spikes. End a row of such blocks with a cell.
    axes
        2 for images [C, H, W], 1 for sequences [C, N].
    scale, steps
        As in :class:`ranvier.Attention`. (The source uses a scale of 0.125 and a threshold of 0.5; cells here have a threshold of 1.)
    cell, norm
        ``cell()`` and ``norm(channels)`` make the parts.

    Raises
    ------
    ShapeError
        For sizes that are not positive whole numbers, heads that do not divide the channels, other axes, and an unknown shortcut.

    Sources: Zhou et al., ICLR 2023 (Spikformer), and 2024 (Spikformer V2); the membrane shortcut as in Yao et al., NeurIPS 2023 (Spike-driven
    Transformer).

    >>> net = rv.Sequential(*rv.blocks.spiking_stem(1, 32), *rv.blocks.spikformer(32, heads=4), dt=1*ms)
    >>> net(torch.rand(4, 2, 1, 28, 28))[0].shape
    torch.Size([4, 2, 32, 7, 7])
    """
    wide = check_transformer("spikformer", channels, heads, hidden, shortcut, axes)
    attention = Attention(channels, heads, scale=scale, steps=steps)
    return transformer(
        channels, 3, wide, lambda: (attention, cell()), shortcut=shortcut, axes=axes, cell=cell, norm=norm
    )


def spiking_stem(
    in_channels: int, channels: int, *, halvings: int = 2, cell: MakeCell = LIF, norm: MakeNorm = ThresholdBatchNorm
) -> tuple[nn.Module | Cell | Residual, ...]:
    """Convolutions that make tokens of an image: a tuple of parts to unpack into ``rv.Sequential``.

    Each of ``halvings`` stages is a convolution of size 3, a norm, a cell and max pooling of two by two; the last has ``channels``, the one before half as
    many, and so on. A depthwise convolution follows, x + (convolution, norm, cell)(x). Its zeros beyond the border tell tokens
    where they are. x [T, B, in_channels, H, W] gives [T, B, channels, H/2^halvings, W/2^halvings].

    Raises
    ------
    ShapeError
        For sizes that are not positive whole numbers, and channels that cannot be halved that often.

    Source: Zhou et al., ICLR 2023 (Spikformer: spiking patch splitting), and 2024 (Spikformer V2: spiking convolutional stem).

    >>> net = rv.Sequential(*rv.blocks.spiking_stem(2, 64), nn.Flatten(), rv.Linear(4096, 10), rv.LeakyReadout(10), dt=1*ms)
    >>> net(torch.rand(4, 1, 2, 32, 32))[0].shape
    torch.Size([4, 1, 10])
    """
    check_sizes("spiking_stem", in_channels=in_channels, channels=channels, halvings=halvings)
    if channels % 2 ** (halvings - 1):
        raise ShapeError(
            f"spiking_stem: channels={channels} cannot be halved {halvings - 1} times: give a multiple of {2 ** (halvings - 1)}, or fewer "
            f"halvings."
        )
    plan = [entry for k in reversed(range(halvings)) for entry in (channels >> k, "M")]
    places = Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False), norm(channels), cell()
    return *vgg(in_channels, plan, cell=cell, norm=norm, pool=nn.MaxPool2d), Residual(*places)
