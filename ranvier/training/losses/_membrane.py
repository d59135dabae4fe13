"""Losses on the membrane of read-out cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from ranvier.training.losses._loss import Loss, cross_entropy, series

__all__ = ["LastMembrane", "MaxOverTime", "MeanMembrane"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class MaxOverTime(Loss):
    """Cross-entropy of softmax(scale * max over t of v[t]): the class whose cell rises highest at any time.

    v [T, B, C] output. Source: Cramer et al., IEEE TNNLS 2020 (Heidelberg spiking data sets).

    >>> rv.train(net, data, epochs=10, loss=rv.losses.MaxOverTime())
    """

    scale: float = 1.0

    def __call__(self, out: Any, target: Tensor) -> Tensor:
        """The mean loss of the batch."""
        return cross_entropy(self.scale * series(out, self).amax(0), target)

    def predict(self, out: Any) -> Tensor:
        """The class [B] of the highest peak."""
        return series(out, self).amax(0).argmax(1)


@dataclass(frozen=True)
class MeanMembrane(Loss):
    """Cross-entropy of softmax(scale * mean over t of v[t]).

    v [T, B, C] output. Source: Zenke & Vogels, Neural Computation 2021 (summed over time there).
    """

    scale: float = 1.0

    def __call__(self, out: Any, target: Tensor) -> Tensor:
        """The mean loss of the batch."""
        return cross_entropy(self.scale * series(out, self).mean(0), target)

    def predict(self, out: Any) -> Tensor:
        """The class [B] of the highest mean."""
        return series(out, self).mean(0).argmax(1)


@dataclass(frozen=True)
class LastMembrane(Loss):
    """Cross-entropy of softmax(scale * v[T - 1]): the class is read out at the last step.

    v [T, B, C] output. Source: Cramer et al., IEEE TNNLS 2020 (last-time-step loss).
    """

    scale: float = 1.0

    def __call__(self, out: Any, target: Tensor) -> Tensor:
        """The mean loss of the batch."""
        return cross_entropy(self.scale * series(out, self)[-1], target)

    def predict(self, out: Any) -> Tensor:
        """The class [B] that is highest at the end."""
        return series(out, self)[-1].argmax(1)
