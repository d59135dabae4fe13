"""A factor and a shift for each channel: what a norm is outside training."""

from __future__ import annotations

from typing import NamedTuple

import torch

from ranvier.errors import RanvierError

__all__ = ["Affine", "FoldError", "composed", "settled"]

Tensor = torch.Tensor


class FoldError(RanvierError, ValueError):
    """A norm that cannot become part of the weights before it."""


class Affine(NamedTuple):
    """y = ``scale`` x + ``shift``, both [C], the channels being the first axis of a sample."""

    scale: Tensor
    shift: Tensor


def settled(mean: Tensor | None, var: Tensor | None, gain: Tensor | None, bias: Tensor | None, eps: float) -> Affine:
    """y = gain (x - mean)/sqrt(var + eps) + bias, with the gradient to gain and bias.

    Raises
    ------
    FoldError
        Where there is no mean or variance.
    """
    if mean is None or var is None:
        raise FoldError("keeps no running statistics, so nothing can be folded.")
    scale = torch.rsqrt(var + eps)
    if gain is not None:
        scale = scale * gain
    shift = -mean * scale
    return Affine(scale, shift if bias is None else shift + bias)


def composed(first: Affine, second: Affine) -> Affine:
    """``second`` behind ``first``, as one."""
    return Affine(first.scale * second.scale, second.scale * first.shift + second.shift)
