"""Whole numbers of a few bits with a scale that fits the weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ranvier.storages._storage import StorageError
from ranvier.storages._stored import Stored
from ranvier.storages._whole_numbers import WholeNumbers, above_zero
from ranvier.values import flag, is_whole

__all__ = ["LowBits"]

Tensor = torch.Tensor
#: the scales that are tried, as parts of the one that clips no weight
_TRIED = tuple(k / 16 for k in range(16, 3, -1))


@dataclass(frozen=True)
class LowBits(WholeNumbers):
    """w = q * scale with whole numbers q of ``bits`` bits, from -(2^(bits-1) - 1) to 2^(bits-1) - 1: for 2 bits, -1, 0 and 1.

    Each output takes the scale with the least squared error of thirteen, from the one that clips no weight down to a quarter of it. With few
    bits, small steps for many weights matter more than the full range of a few. The scale follows the weights as they learn, or with ``learn`` is a
    parameter ``step`` of the transform. A q occupies one byte in memory and in files, of which ``bits`` bits vary.

    Parameters
    ----------
    bits
        2 to 7; for 8 take :class:`Int8`.
    per
        ``"post"``: a scale for each output of a transform; ``"tensor"``: one for all. Single synapses have one.

    learn
        Learn the scale s (LSQ). It starts at 2 mean|w|/sqrt(Q), with Q the largest whole number. With n weights to a scale, its gradient is
        that of round(w/s) s, rounding passed straight through, divided by sqrt(n Q): round(w/s) - w/s for a weight in range, and -Q or Q for one
        that is clipped. A clipped weight has no gradient. Single synapses have no such scale.

    Raises
    ------
    StorageError
        For other bits, an unknown ``per``, and a ``learn`` that is neither True nor False.

    Sources: Esser et al., ICLR 2020 (low bits with a fitted step); Qiu et al., ICLR 2025 (in a spike-driven transformer).

    >>> layer = rv.Linear(20, 10, storage=rv.storages.LowBits(4))
    >>> len(layer.effective_weight()[0].unique()) <= 15
    True
    """

    name = "low_bits"
    bits: int = 4
    per: str = "post"
    learn: bool = False

    def __post_init__(self) -> None:
        if not is_whole(self.bits, 2) or self.bits > 7:
            raise StorageError(f"LowBits: bits={self.bits!r} must be a whole number from 2 to 7; for 8 take Int8().")
        self.check_per()
        flag(self.learn, "learn")

    def encode(self, weight: Tensor, output: int | None = None) -> Stored:
        """The nearest of the levels, with the scale of the least squared error; weights that are no numbers make their scale none."""
        if not weight.numel():
            return Stored(self, weight.to(self.code), weight.new_ones((1,) * weight.ndim))
        axes = self.axes_of(weight, output)
        widest = above_zero(weight.abs().amax(axes, keepdim=True) / self._most)
        best, scale = torch.full_like(widest, torch.inf), widest
        for part in _TRIED:
            tried = part * widest
            error = (self._nearest(weight / tried) * tried - weight).square().sum(axes, keepdim=True)
            best, scale = torch.where(error < best, error, best), torch.where(error < best, tried, scale)
        return Stored(self, self._nearest(weight / scale).to(self.code), scale)

    @property
    def learns(self) -> bool:
        """As ``learn`` says."""
        return self.learn

    def first_step(self, weight: Tensor, output: int | None = None) -> Tensor:
        """2 mean|w|/sqrt(Q) for each output, or for all."""
        return above_zero(2 * weight.abs().mean(self.axes_of(weight, output), keepdim=True) / self._most**0.5)

    def with_step(self, weight: Tensor, step: Tensor) -> Stored:
        """The nearest of the levels."""
        scale = above_zero(step.abs())
        return Stored(self, self._nearest(weight / scale).to(self.code), scale)

    def read(self, weight: Tensor, step: Tensor) -> Tensor:
        """Decoded, with the gradients of LSQ."""
        scale = above_zero(step.abs())
        part = (weight.numel() / step.numel() * self._most) ** -0.5
        scale = scale * part + (scale - scale * part).detach()  # a part of the gradient, the whole number
        steps = (weight / scale).clamp(-self._most, self._most)
        made = (steps + (torch.round(steps) - steps).detach()) * scale
        return self.with_step(weight.detach(), step.detach()).decode() + (made - made.detach())

    @property
    def _most(self) -> int:
        """The largest whole number."""
        return 2 ** (self.bits - 1) - 1

    def _nearest(self, steps: Tensor) -> Tensor:
        return torch.round(steps).clamp(-self._most, self._most)
