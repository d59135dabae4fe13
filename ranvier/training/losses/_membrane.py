"""Losses on the membrane of read-out cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from ranvier.training.losses.loss import Loss, cross_entropy, mean_over_time, series, within

__all__ = ["LastMembrane", "MaxOverTime", "MeanMembrane", "last_step"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class MaxOverTime(Loss):
    """Cross-entropy of softmax(scale * max over t of v[t]): the class whose cell rises highest at any time.

    v [T, B, C] output. Source: Cramer et al., IEEE TNNLS 2020 (Heidelberg spiking data sets).

    >>> fit = rv.train(net, data, epochs=10, loss=rv.losses.MaxOverTime())
    """

    scale: float = 1.0

    def __call__(self, out: Any, target: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The mean loss of the batch."""
        return cross_entropy(self.scale * _highest(series(out, self, lengths), lengths), target)

    def predict(self, out: Any, lengths: Tensor | None = None) -> Tensor:
        """The class [B] of the highest peak."""
        return _highest(series(out, self, lengths), lengths).argmax(1)


@dataclass(frozen=True)
class MeanMembrane(Loss):
    """Cross-entropy of softmax(scale * mean over t of v[t]).

    v [T, B, C] output. Source: Zenke & Vogels, Neural Computation 2021 (summed over time there).

    >>> fit = rv.train(net, data, epochs=10, loss=rv.losses.MeanMembrane())
    """

    scale: float = 1.0

    def __call__(self, out: Any, target: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The mean loss of the batch."""
        return cross_entropy(self.scale * mean_over_time(series(out, self, lengths), lengths), target)

    def predict(self, out: Any, lengths: Tensor | None = None) -> Tensor:
        """The class [B] of the highest mean."""
        return mean_over_time(series(out, self, lengths), lengths).argmax(1)


@dataclass(frozen=True)
class LastMembrane(Loss):
    """Cross-entropy of softmax(scale * v[T - 1]): the class is read out at the last step.

    v [T, B, C] output. Source: Cramer et al., IEEE TNNLS 2020 (last-time-step loss).

    >>> fit = rv.train(net, data, epochs=10, loss=rv.losses.LastMembrane())
    """

    scale: float = 1.0

    def __call__(self, out: Any, target: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The mean loss of the batch."""
        return cross_entropy(self.scale * last_step(series(out, self, lengths), lengths), target)

    def predict(self, out: Any, lengths: Tensor | None = None) -> Tensor:
        """The class [B] that is highest at the end."""
        return last_step(series(out, self, lengths), lengths).argmax(1)


def _highest(v: Tensor, lengths: Tensor | None) -> Tensor:
    """The largest value [B, C] among each sample's own steps."""
    inside = within(v, lengths)
    return (v if inside is None else v.masked_fill(~inside, -torch.inf)).amax(0)


def last_step(v: Tensor, lengths: Tensor | None) -> Tensor:
    """The value [B, C] in each sample's last step."""
    if lengths is None:
        return v[-1]
    return v[lengths.to(v.device) - 1, torch.arange(v.shape[1], device=v.device)]
