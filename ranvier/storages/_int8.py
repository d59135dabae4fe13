"""Whole numbers of 8 bits with a scale."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from ranvier.storages._storage import Storage, StorageError
from ranvier.storages._stored import Stored
from ranvier.values import flag

if TYPE_CHECKING:
    from ranvier.kernels.elementary import Value, Words

__all__ = ["Int8"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Int8(Storage):
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
    code = torch.int8
    per: str = "post"
    symmetric: bool = True
    scale: float | None = None

    def __post_init__(self) -> None:
        if self.per not in ("post", "tensor"):
            raise StorageError(f"Int8: per={self.per!r} is unknown; a scale belongs to each 'post' or to the 'tensor'.")
        flag(self.symmetric, "symmetric")
        number = isinstance(self.scale, int | float) and not isinstance(self.scale, bool)
        if self.scale is not None and not (number and 0 < self.scale < math.inf and self.symmetric):
            raise StorageError(
                f"Int8: scale={self.scale!r}, symmetric={self.symmetric}: give one number above 0, whose zero is 0, or leave scale out."
            )

    def encode(self, weight: Tensor, output: int | None = None) -> Stored:
        """Steps of ``scale`` from ``zero``; weights that are no numbers make their scale none."""
        axes = [k for k in range(weight.ndim) if self.per == "tensor" or k != output]
        if not weight.numel():
            return Stored(self, weight.to(self.code), weight.new_ones((1,) * weight.ndim))
        if self.scale is not None:
            scale = weight.new_full((1,) * weight.ndim, self.scale)
            scale = torch.where(torch.isfinite(weight).all(), scale, torch.nan)
            return Stored(self, torch.round(weight / scale).clamp(-128, 127).to(self.code), scale)
        low, high = (weight.amin(axes, keepdim=True), weight.amax(axes, keepdim=True))
        if self.symmetric:
            scale = _positive(torch.maximum(high, -low) / 127)
            return Stored(self, torch.round(weight / scale).clamp(-127, 127).to(self.code), scale)
        low, high = low.clamp(max=0), high.clamp(min=0)
        scale = _positive((high - low) / 255)
        zero = torch.round(-128 - low / scale).clamp(-128, 127)
        return Stored(self, (torch.round(weight / scale) + zero).clamp(-128, 127).to(self.code), scale, zero)

    def numbers(self, codes: Tensor) -> Tensor:
        """The whole numbers."""
        return codes.float()

    def write(self, k: Words, codes: Value) -> Value:
        """The whole numbers as floats."""
        return k.from_integer(codes)


def _positive(scale: Tensor) -> Tensor:
    """1 where all weights are 0."""
    return torch.where(scale == 0, 1.0, scale)
