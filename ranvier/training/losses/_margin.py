"""How far the class of a sample is ahead of all others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from ranvier.training.losses.loss import Loss, check_classes, mean_over_time, series

__all__ = ["Margin"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Margin(Loss):
    """max over j != y of o[j], minus o[y], where o is the mean over time of the output [T, B, C].

    It is negative where the class is right. Attacks raise it: unlike cross-entropy, its gradient does not vanish where a network is sure.

    Source: Carlini & Wagner, IEEE Symposium on Security and Privacy 2017 (the difference in their loss f6).

    >>> loss = rv.losses.Margin()
    >>> float(loss(torch.tensor([[[2.0, 0.5, 0.0]]]), torch.tensor([0])))
    -1.5
    """

    def __call__(self, out: Any, target: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The mean loss of the batch."""
        read = mean_over_time(series(out, self, lengths), lengths)
        check_classes(target, *read.shape)
        own = target.long().unsqueeze(1)
        others = read.scatter(1, own, -torch.inf).amax(1)
        return (others - read.gather(1, own).squeeze(1)).mean()

    def predict(self, out: Any, lengths: Tensor | None = None) -> Tensor:
        """The class [B] of the highest mean."""
        return mean_over_time(series(out, self, lengths), lengths).argmax(1)
