"""Confidence that is calibrated, so that it says how often a class is right."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from ranvier.errors import RanvierError
from ranvier.inference._rule import StopRule

__all__ = ["DecodedConfidence"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class DecodedConfidence(StopRule):
    """Dynamic Confidence: max over c of softmax(r/alpha)[c], where alpha makes confidence agree with accuracy.

    ``fit`` takes the alpha of ``candidates`` with the smallest calibration error over all steps,

        ECE = sum over bins b of share[b]*|accuracy[b] - mean confidence[b]|

    in ``bins`` of equal width in confidence. With ``readout="sum"``, as in the source, confidence grows with the evidence of a
    sample, and one alpha serves all steps.

    Parameters
    ----------
    alpha
        Scale of the read-out, in its unit, above 0; ``fit`` replaces it.
    bins
        Bins of the calibration error.
    candidates
        Values of alpha that ``fit`` tries, as factors of the standard deviation of the last read-out.

    Raises
    ------
    RanvierError
        For an alpha or a candidate that is not above 0, and fewer than two bins.

    Source: Li, Jones & Furber, ICCV 2023 (Dynamic Confidence). Its code has one alpha, typed in; here the error decides.

    >>> rule = rv.inference.DecodedConfidence(alpha=2.0)
    >>> rule.confidence(torch.tensor([[0.0, 0.0]]), 1).tolist()
    [0.5]
    """

    alpha: float = 1.0
    bins: int = 15
    candidates: tuple[float, ...] = tuple(2.0 ** (k / 2) for k in range(-12, 9))
    learns: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for value in (self.alpha, *self.candidates):
            if not isinstance(value, int | float) or not 0 < value < float("inf"):
                raise RanvierError(f"DecodedConfidence: alpha={value!r} must be a finite number above 0.")
        if not isinstance(self.bins, int) or self.bins < 2:
            raise RanvierError(f"DecodedConfidence: bins={self.bins!r} must be a whole number of at least 2.")

    def confidence(self, read: Tensor, step: int) -> Tensor:
        """The largest probability [B]."""
        return (read / self.alpha).softmax(1).amax(1)

    def fit(self, read: Tensor, target: Tensor, steps: Tensor) -> DecodedConfidence:
        """The rule with the alpha of the smallest calibration error."""
        unit = max(float(read[-1].std()), 1e-12)
        tried = [replace(self, alpha=factor * unit) for factor in self.candidates]
        return min(tried, key=lambda rule: rule.error(read, target))

    def error(self, read: Tensor, target: Tensor) -> float:
        """The calibration error of read-outs [K, S, C] with classes [S]."""
        sure = self.confidence(read.flatten(0, 1), 1).double()
        right = (read.argmax(2) == target).flatten().double()
        place = (sure * self.bins).long().clamp(max=self.bins - 1)
        sums = torch.zeros(2, self.bins, dtype=torch.float64)
        sums[0].index_add_(0, place, sure)
        sums[1].index_add_(0, place, right)
        return float((sums[0] - sums[1]).abs().sum() / len(sure))
