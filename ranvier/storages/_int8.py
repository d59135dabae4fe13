"""Whole numbers of 8 bits with a scale."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ranvier.storages._storage import StorageError
from ranvier.storages._stored import Stored
from ranvier.storages._whole_numbers import WholeNumbers, above_zero
from ranvier.values import flag, is_positive

__all__ = ["Int8"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Int8(WholeNumbers):
    """w = (q - zero) * scale with q in 8 bits, 1 byte a weight.

    Without a given ``scale``, a symmetric storage has scale = max|w|/127 and ``zero`` = 0. With ``symmetric=False``, 255 steps divide the
    range from the smallest to the largest weight, 0 included, and ``zero`` is the q of weight 0. Every weight is rounded to the nearest step, at
    most scale/2 away, and a weight of 0 stays 0.

    Parameters
    ----------
    per
        ``"post"``: a scale for each output of a transform; ``"tensor"``: one for all. Single synapses have one.
    symmetric
        Leave ``zero`` at 0. Weights of one sign gain a bit with ``symmetric=False``.
    scale
        A number above 0 that holds for all weights: q = w/scale, and ``zero`` = 0. Weights are clipped to the range from -128*scale to 127*scale.
        1/32 gives the weights of Loihi.

    Raises
    ------
    StorageError
        For an unknown ``per``, and for a scale that is not above 0 or comes with ``symmetric=False``.

    >>> layer = rv.Linear(20, 10, sign=1, storage=rv.storages.Int8(symmetric=False))
    """

    name = "int8"
    per: str = "post"
    symmetric: bool = True
    scale: float | None = None

    def __post_init__(self) -> None:
        self.check_per()
        flag(self.symmetric, "symmetric")
        if self.scale is not None and not (is_positive(self.scale) and self.symmetric):
            raise StorageError(
                f"Int8: scale={self.scale!r}, symmetric={self.symmetric}: give one number above 0, whose zero is 0, or leave scale out."
            )

    def encode(self, weight: Tensor, output: int | None = None) -> Stored:
        """Steps of ``scale`` from ``zero``; weights that are no numbers make their scale none."""
        axes = self.axes_of(weight, output)
        if not weight.numel():
            return Stored(self, weight.to(self.code), weight.new_ones((1,) * weight.ndim))
        if self.scale is not None:
            scale = weight.new_full((1,) * weight.ndim, self.scale)
            scale = torch.where(torch.isfinite(weight).all(), scale, torch.nan)
            return Stored(self, torch.round(weight / scale).clamp(-128, 127).to(self.code), scale)
        low, high = (weight.amin(axes, keepdim=True), weight.amax(axes, keepdim=True))
        if self.symmetric:
            scale = above_zero(torch.maximum(high, -low) / 127)
            return Stored(self, torch.round(weight / scale).clamp(-127, 127).to(self.code), scale)
        low, high = low.clamp(max=0), high.clamp(min=0)
        scale = above_zero((high - low) / 255)
        zero = torch.round(-128 - low / scale).clamp(-128, 127)
        return Stored(self, (torch.round(weight / scale) + zero).clamp(-128, 127).to(self.code), scale, zero)
