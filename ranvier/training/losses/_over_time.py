"""Any torch loss on the mean of the output over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ranvier.training.losses._loss import Loss, cross_entropy, mean_over_time, series

__all__ = ["OverTime"]

Tensor = torch.Tensor
_CLASSES = (nn.CrossEntropyLoss, nn.NLLLoss, nn.MultiMarginLoss)


@dataclass(frozen=True)
class OverTime(Loss):
    """loss(mean over t of out[t], target); a plain ``torch.nn`` loss given to ``rv.train`` becomes this.

    >>> rv.train(net, data, epochs=10, loss=torch.nn.CrossEntropyLoss(label_smoothing=0.1))
    """

    loss: nn.Module

    def __call__(self, out: Any, target: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The loss of the batch."""
        mean = mean_over_time(series(out, self, lengths), lengths)
        if isinstance(self.loss, _CLASSES) and target.ndim == 1:
            cross_entropy(mean.detach(), target)  # only for its check of the targets
            return self.loss(mean, target.long())
        return self.loss(mean, target)

    def predict(self, out: Any, lengths: Tensor | None = None) -> Tensor | None:
        """The class [B] of the highest mean, for losses on classes."""
        return (
            mean_over_time(series(out, self, lengths), lengths).argmax(1) if isinstance(self.loss, _CLASSES) else None
        )
