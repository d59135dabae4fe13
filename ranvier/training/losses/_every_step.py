"""A loss at every step, so that a rule need not wait for the end of the series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from ranvier.training.losses._loss import Loss, cross_entropy, series

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

    def __call__(self, out: Any, target: Tensor) -> Tensor:
        """The mean loss of the batch."""
        out = series(out, self)
        steps = out.shape[0]
        cross_entropy(out[0].detach(), target)  # only for its check of the targets
        return torch.nn.functional.cross_entropy(self.scale * out.flatten(0, 1), target.long().repeat(steps))

    def predict(self, out: Any) -> Tensor:
        """The class [B] of the highest mean."""
        return series(out, self).mean(0).argmax(1)
