"""The U-shaped network of denoisers: down, up, and a shortcut at every size."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from ranvier.blocks._ms import ms
from ranvier.blocks._parts import MakeCell, MakeNorm, check_sizes, convolution
from ranvier.connectivity import Conv2d, ConvTranspose2d, ThresholdBatchNorm
from ranvier.errors import ShapeError
from ranvier.network import Residual
from ranvier.neurons import LIF, Cell

__all__ = ["unet"]


def unet(
    in_channels: int, out_channels: int, channels: Sequence[int] = (32, 64), *, patch: int = 1, cell: MakeCell = LIF,
    norm: MakeNorm = ThresholdBatchNorm,
) -> tuple[nn.Module | Cell | Residual, ...]:  # fmt: skip
    """A spiking U-Net: a tuple of parts to unpack into ``rv.Sequential``.

    x [T, B, in_channels, H, W] -> y [T, B, out_channels, H, W]. A convolution of stride ``patch`` makes currents of
    ``channels[0]`` channels. Size k, with h of ``channels[k]`` channels and half the height and width of size k - 1, computes

        h -> M(h + up(inner(down(M(h))))),

    where M is a block of :func:`ms`, down = (cell, convolution of stride 2, norm), inner is the next size, up = (cell, transposed
    convolution of stride 2, norm); the last size is M alone. A cell and a transposed convolution of stride ``patch`` end the network. All
    shortcuts carry currents, so every convolution but the first takes spikes. ``cell()`` and ``norm(channels)`` make the parts. H and W
    must be multiples of patch*2**(len(channels) - 1).

    Raises
    ------
    ShapeError
        Where ``channels`` is not a list or is empty, or a number is not positive.

    Source: Ronneberger, Fischer & Brox, MICCAI 2015; with spikes in Cao et al., WACV 2024 (spiking denoising diffusion probabilistic
    models), whose skip connections concatenate; here they add.

    >>> net = rv.Sequential(*rv.blocks.unet(1, 1, (16, 32)), dt=1*ms)
    """
    sizes = list(channels) if isinstance(channels, list | tuple) else []
    if not sizes:
        raise ShapeError(f"unet: channels={channels!r} must be a list of one number for each size, such as (32, 64).")
    check_sizes(
        "unet",
        in_channels=in_channels,
        out_channels=out_channels,
        patch=patch,
        **{f"channels_{k}": n for k, n in enumerate(sizes)},
    )
    stem = Conv2d(in_channels, sizes[0], patch + 2, stride=patch, padding=1)
    end = ConvTranspose2d(sizes[0], out_channels, patch, stride=patch)
    return stem, *_level(sizes, cell, norm), cell(), end


def _level(sizes: Sequence[int], cell: MakeCell, norm: MakeNorm) -> tuple[Residual, ...]:
    """Parts from currents of ``sizes[0]`` channels to currents of as many."""
    here = sizes[0]
    if len(sizes) == 1:
        return (ms(here, cell=cell, norm=norm),)
    below = sizes[1]
    down = (cell(), *convolution(here, below, norm, stride=2))
    up = (cell(), ConvTranspose2d(below, here, 2, stride=2, bias=False), norm(here))
    return (
        ms(here, cell=cell, norm=norm),
        Residual(*down, *_level(sizes[1:], cell, norm), *up),
        ms(here, cell=cell, norm=norm),
    )
