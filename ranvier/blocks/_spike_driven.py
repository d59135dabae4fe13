"""Attention of masks and additions: the blocks of spike-driven transformers and of QKFormer."""

from __future__ import annotations

from typing import Any

from torch import nn

from ranvier.blocks._parts import MakeCell, MakeNorm, check_sizes
from ranvier.blocks._tokens import check_transformer, transformer
from ranvier.connectivity import Attention, Channels, SumOfChannels, SumOfPlaces, ThresholdBatchNorm
from ranvier.errors import ShapeError
from ranvier.network import Residual
from ranvier.neurons import LIF, Cell

__all__ = ["spike_attention", "spike_driven"]

#: groups of channels that each kind takes
_OPERANDS = {"mask": 3, "linear": 3, "token": 2, "channel": 2}


def spike_attention(
    channels: int, heads: int = 1, *, kind: str = "mask", scale: float = 0.25, cell: MakeCell = LIF
) -> tuple[nn.Module | Cell | Residual, ...]:
    """Attention by masks and sums of spikes: parts to unpack into ``rv.Sequential``, after cells that hold q, k (and v) side by side.

    q, k, v and the result are spikes. Sums run over n, the places of tokens; ⊗ is the elementwise product, so a spike passes where its
    mask fires.

    ===========  =====================================================  ================  ============================================
    ``kind``     result                                                 channels before   source
    ===========  =====================================================  ================  ============================================
    "mask"       q ⊗ cell(sum over n of k ⊗ v)                          3C                Spike-driven Transformer (SDSA-1)
    "linear"     cell(scale * q (k^T v)), :class:`ranvier.Attention`    3C                its version 2 (SDSA-3)
    "token"      k ⊗ cell(sum of q over the channels of a head)         2C                QKFormer, token attention
    "channel"    k ⊗ cell(sum over n of q)                              2C                QKFormer, channel attention
    ===========  =====================================================  ================  ============================================

    Masks are cells of the graph, so :func:`ranvier.conversion.unfold` takes all kinds but "linear"; for "mask", its ``levels`` must
    reach the largest k ⊗ v. A mask repeats the same cell at all places or channels that it covers. q, k and
    v [T, B, C, places …] give [T, B, C, places …].

    Parameters
    ----------
    channels, heads
        C, and the number of groups of channels within which "linear" and "token" attend.
    kind
        As above.
    scale
        Factor of "linear"; the threshold of its cells can take it over.
    cell
        ``cell()`` makes the cells of the mask, or those after "linear".

    Raises
    ------
    ShapeError
        For sizes that are not positive whole numbers, heads that do not divide the channels, and an unknown kind.

    Sources: Yao et al., NeurIPS 2023, and ICLR 2024 (Spike-driven Transformer, V2); Zhou et al., NeurIPS 2024 (QKFormer).

    >>> mask = rv.blocks.spike_attention(16, kind="mask", cell=lambda: rv.LIF(V_th=4.0))
    >>> net = rv.Sequential(rv.Conv2d(3, 48, 1), rv.LIF(), *mask, dt=1*ms)
    >>> net(torch.rand(4, 2, 3, 8, 8))[0].shape
    torch.Size([4, 2, 16, 8, 8])
    """
    check_sizes("spike_attention", channels=channels, heads=heads)
    if kind not in _OPERANDS:
        raise ShapeError(f"spike_attention: kind={kind!r} is unknown: use {', '.join(map(repr, _OPERANDS))}.")
    if channels % heads:
        raise ShapeError(f"spike_attention: heads={heads} must divide channels={channels}.")
    if kind == "linear":
        return Attention(channels, heads, scale=scale), cell()
    first, second, third = (Channels(part * channels, channels) for part in range(3))
    mask: tuple[Any, ...]
    if kind == "mask":
        mask, passes = (Residual(second, shortcut=[third], join="and"), SumOfPlaces(), cell()), first
    else:
        total = SumOfChannels(heads) if kind == "token" else SumOfPlaces()
        mask, passes = (first, total, cell()), second
    return (Residual(*mask, shortcut=[passes], join="and"),)


def spike_driven(
    channels: int, heads: int, *, kind: str = "mask", hidden: int | None = None, shortcut: str = "membrane", axes: int = 2,
    scale: float = 0.25, cell: MakeCell = LIF, mask: MakeCell | None = None, norm: MakeNorm = ThresholdBatchNorm,
) -> tuple[Residual, Residual]:  # fmt: skip
    """A block of a spike-driven transformer: attention by masks and additions, then two layers at each token; two residuals to unpack.

    With A = (cell, map to 3C or 2C, norm, cell, :func:`spike_attention`, map to C, norm) and M = (cell, map to ``hidden``, norm, cell, map to C,
    norm): z = x + A(x), y = z + M(z). x [T, B, C, places …] are currents, and so is y: every map takes spikes of 0 and 1, so that it adds
    weights. End a row of blocks with a cell.

    Parameters
    ----------
    channels, heads, kind, scale
        As in :func:`spike_attention`.
    hidden
        Channels between the two layers; 4C where None.
    shortcut
        ``"membrane"``, as above, or ``"add"``, as in QKFormer: cells end each branch instead, x and y are counts of spikes, and maps take counts.
    axes
        2 for images [C, H, W], 1 for sequences [C, N].
    cell, norm
        ``cell()`` and ``norm(channels)`` make the parts.
    mask
        ``mask()`` makes the cells of the mask, or those after "linear"; ``cell`` where None. A mask sums over places or channels, so
        a threshold of several spikes keeps it selective.

    Raises
    ------
    ShapeError
        As in :func:`spike_attention`, and for other axes and an unknown shortcut.

    Sources: Yao et al., NeurIPS 2023, and ICLR 2024 (Spike-driven Transformer, V2); Zhou et al., NeurIPS 2024 (QKFormer).

    >>> block = rv.blocks.spike_driven(16, heads=2, kind="mask")
    >>> net = rv.Sequential(rv.Conv2d(1, 16, 3, padding=1), *block, rv.LIF(), dt=1*ms)
    >>> net(torch.rand(4, 2, 1, 8, 8))[0].shape
    torch.Size([4, 2, 16, 8, 8])
    """
    wide = check_transformer("spike_driven", channels, heads, hidden, shortcut, axes)
    attention = spike_attention(channels, heads, kind=kind, scale=scale, cell=mask or cell)
    return transformer(
        channels, _OPERANDS[kind], wide, lambda: attention, shortcut=shortcut, axes=axes, cell=cell, norm=norm
    )
