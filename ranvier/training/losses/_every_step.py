"""A loss at every step, so that a rule need not wait for the end of the series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from ranvier.training.losses._loss import Loss, cross_entropy, mean_over_time, series, within

__all__ = ["EveryStep"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class EveryStep(Loss):
    """Mean over t of the cross-entropy of softmax(scale * o[t]); the class of the highest mean is read out.

    o [T, B, C] output, spikes or membrane. Being a mean over steps, it lets SLTT, OTTT and truncated BPTT learn in one
    pass. Source: Xiao et al., NeurIPS 2022 (OTTT); Deng et al., ICLR 2022 (temporal efficient training).

    >>> rv.train(net, data, epochs=10, loss=rv.losses.EveryStep(), rule=rv.rules.SLTT())
    """

    scale: float = 1.0
    per_step: ClassVar[bool] = True

    def __call__(self, out: Any, target: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The mean loss of the batch."""
        out = series(out, self, lengths)
        steps = out.shape[0]
        cross_entropy(out[0].detach(), target)  # only for its check of the targets
        logits = self.scale * out.flatten(0, 1)
        each = torch.nn.functional.cross_entropy(logits, target.long().repeat(steps), reduction="none")
        each, inside = each.unflatten(0, (steps, -1)), within(out, lengths)
        return mean_over_time(each if inside is None else each * inside.squeeze(2), lengths).mean()

    def predict(self, out: Any, lengths: Tensor | None = None) -> Tensor:
        """The class [B] of the highest mean."""
        return mean_over_time(series(out, self, lengths), lengths).argmax(1)
