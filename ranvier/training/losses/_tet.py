"""A loss in which the output of every step must be right by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch.nn import functional

from ranvier.errors import TrainingError
from ranvier.training.losses.loss import Loss, check_classes, mean_over_time, series, within

__all__ = ["TET"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class TET(Loss):
    """Temporal efficient training: (1 - lam) * mean over t of CE(o[t], y) + lam * mean over t of (o[t] - level)**2.

    o [T, B, C] output of every step, best without memory of its own (end the network with ``rv.Linear``); ``lam`` [1]
    weighs the second term, which keeps outputs near ``level`` [unit of o]. A class is read out from the mean over time.
    The network stays useful when it is run for fewer steps. Source: Deng et al., ICLR 2022.

    >>> fit = rv.train(net, data, epochs=10, loss=rv.losses.TET(lam=0.05))
    """

    lam: float = 0.05
    level: float = 1.0
    per_step: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 0 <= self.lam <= 1:
            raise TrainingError(f"TET: lam={self.lam} is a share: choose it from 0 to 1.")

    def __call__(self, out: Any, target: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The mean loss of the batch."""
        o = series(out, self, lengths)
        steps, batch, classes = o.shape
        check_classes(target, batch, classes)
        wrong = functional.cross_entropy(o.flatten(0, 1), target.long().repeat(steps), reduction="none").unflatten(
            0, (steps, batch)
        )
        far = (o - self.level).square().mean(2)
        each = (1 - self.lam) * wrong + self.lam * far
        inside = within(o, lengths)
        return mean_over_time(each if inside is None else each * inside.squeeze(2), lengths).mean()

    def predict(self, out: Any, lengths: Tensor | None = None) -> Tensor:
        """The class [B] of the highest mean."""
        return mean_over_time(series(out, self, lengths), lengths).argmax(1)
