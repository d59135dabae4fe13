"""Losses on how often output cells fire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from ranvier.errors import TrainingError
from ranvier.training.losses.loss import Loss, cross_entropy, mean_over_time, series

__all__ = ["SpikeCount", "SpikeRate"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class SpikeCount(Loss):
    """Cross-entropy of softmax(scale * n), n = sum over t of s[t]: the class whose cell fires most.

    s [T, B, C] output spikes. Source: Eshraghian et al., Proceedings of the IEEE 2023 (cross-entropy spike count).

    >>> fit = rv.train(net, data, epochs=10, loss=rv.losses.SpikeCount())
    """

    scale: float = 1.0

    def __call__(self, out: Any, target: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The mean loss of the batch."""
        return cross_entropy(self.scale * series(out, self, lengths).sum(0), target)

    def predict(self, out: Any, lengths: Tensor | None = None) -> Tensor:
        """The class [B] of most spikes."""
        return series(out, self, lengths).sum(0).argmax(1)


@dataclass(frozen=True)
class SpikeRate(Loss):
    """Mean over batch and classes of (r - r*)**2, where r = mean over t of s[t] and r* is a rate to aim for.

    r* is ``correct`` for the cell of the target and ``incorrect`` for the others, both in spikes per step; so no cell
    is driven to fire all the time or never. s [T, B, C] output spikes.
    Source: Shrestha & Orchard, NeurIPS 2018 (SLAYER).

    >>> fit = rv.train(net, data, epochs=10, loss=rv.losses.SpikeRate(correct=0.6, incorrect=0.02))
    """

    correct: float = 0.8
    incorrect: float = 0.05

    def __post_init__(self) -> None:
        if not 0 <= self.incorrect < self.correct <= 1:
            raise TrainingError(
                f"SpikeRate: correct={self.correct} and incorrect={self.incorrect} are rates per step: "
                f"choose 0 <= incorrect < correct <= 1."
            )

    def __call__(self, out: Any, target: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The mean loss of the batch."""
        rate = mean_over_time(series(out, self, lengths), lengths)
        cross_entropy(rate.detach(), target)  # only for its check of the targets
        hot = functional.one_hot(target.long(), rate.shape[1]).to(rate.dtype)
        return functional.mse_loss(rate, self.incorrect + (self.correct - self.incorrect) * hot)

    def predict(self, out: Any, lengths: Tensor | None = None) -> Tensor:
        """The class [B] of most spikes."""
        return series(out, self, lengths).sum(0).argmax(1)
