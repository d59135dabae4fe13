"""A spiking network on groups of points: two branches, local features, global features."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from ranvier.blocks._parts import MakeCell, MakeNorm, check_sizes
from ranvier.connectivity import Conv2d, ThresholdBatchNorm
from ranvier.errors import ShapeError
from ranvier.network import Residual
from ranvier.neurons import LIF, Cell

__all__ = ["spike_point"]

#: rounded up, so that points or groups beyond those expected make the output too long instead of being dropped
_POOLS: dict[str, Callable[[tuple[int, int]], nn.Module]] = {
    "max": partial(nn.MaxPool2d, ceil_mode=True),
    "mean": partial(nn.AvgPool2d, ceil_mode=True),
}


def spike_point(
    coordinates: int = 3, *, groups: int, size: int, local: int = 32, wide: int = 128, pool: str = "max",
    cell: MakeCell = LIF, norm: MakeNorm = ThresholdBatchNorm,
) -> tuple[nn.Module | Cell | Residual, ...]:  # fmt: skip
    """SpikePoint on groups of points: a tuple of parts to unpack into ``rv.Sequential``, s [T, B, 2 D, M, K] -> [T, B, wide].

    s are spikes whose rates code :func:`ranvier.encoding.point_groups`. Offsets and beginnings of groups pass through separate
    branches, each a layer and a residual block of ``local/2`` channels; a layer joins them. The maximum over the K points of
    a group is its local feature. A residual block, a layer of ``wide`` channels and another block process the M groups,
    and the maximum over the groups is the global feature. The last cells of a block fire on A2(A1(s)) + s, where A1 is a layer and
    A2 a layer without cells: the shortcut is the identity. Every map is a convolution of size 1, the same for every point.

    Parameters
    ----------
    coordinates
        D, the number of coordinates of a point: 3 for x, y and t.
    groups, size
        M and K.
    local, wide
        Channels of local features (even) and of global ones.
    pool
        ``"max"``, as in the source, or ``"mean"``, both over the points of a group and over the groups. If cells fire often, the maximum of many
        spikes is 1 in nearly every step; in short windows the mean then learns better.
    cell, norm
        ``cell()`` and ``norm(channels)`` make the parts.

    Raises
    ------
    ShapeError
        Where a number is not positive, ``local`` is odd, or ``pool`` is unknown.

    Source: Ren et al., ICLR 2024 (SpikePoint).

    >>> x = rv.encoding.point_groups(torch.rand(4, 64, 3), 16, 8)
    >>> net = rv.Sequential(*rv.blocks.spike_point(groups=16, size=8), rv.Linear(128, 10), dt=1*ms)
    >>> net(rv.encoding.bernoulli(x, 16))[0].shape
    torch.Size([16, 4, 10])
    """
    check_sizes("spike_point", coordinates=coordinates, groups=groups, size=size, local=local, wide=wide)
    if local % 2:
        raise ShapeError(f"spike_point: local={local} must be even, half for each of its two branches.")
    if pool not in _POOLS:
        raise ShapeError(f"spike_point: pool={pool!r} is unknown: use 'max' or 'mean'.")
    pooled = _POOLS[pool]

    def layer(given: int, made: int, branches: int = 1) -> tuple[Any, ...]:
        return Conv2d(given, made, 1, bias=False, groups=branches), norm(made)

    def block(channels: int, branches: int = 1) -> tuple[Any, ...]:
        one, two = (layer(channels, channels, branches) for _ in range(2))
        return Residual(*one, cell(), *two), cell()

    return (
        *layer(2 * coordinates, local, 2), cell(), *block(local, 2), *layer(local, local), cell(), pooled((1, size)),
        *block(local), *layer(local, wide), cell(), *block(wide), pooled((groups, 1)), nn.Flatten(),
    )  # fmt: skip
