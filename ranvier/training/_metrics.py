"""The score of a batch: which class was read out, and whether it was right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from ranvier.network import silence_after
from ranvier.training.losses import Loss
from ranvier.training.losses._loss import mean_over_time

__all__ = ["Mean", "Score", "correct"]


@dataclass(frozen=True)
class Score:
    """Mean loss over samples, and the fraction classified correctly (None where there are no classes)."""

    loss: float
    accuracy: float | None


def correct(loss: Any, out: Any, target: torch.Tensor, lengths: torch.Tensor | None = None) -> int | None:
    """How many of a batch are classified correctly, read out as the loss does; None where there are no classes.

    For a loss that is a plain function, the class is that of the highest mean over time, if targets are whole numbers.
    """
    if isinstance(loss, Loss):
        predicted = loss.predict(out) if lengths is None else loss.predict(out, lengths)
    elif isinstance(out, torch.Tensor) and out.ndim == 3 and target.ndim == 1 and not target.is_floating_point():
        predicted = mean_over_time(out if lengths is None else silence_after(out, lengths), lengths).argmax(1)
    else:
        predicted = None
    return None if predicted is None else int((predicted == target.to(predicted.device)).sum())


class Mean:
    """Running mean of loss and accuracy over batches of different size."""

    def __init__(self) -> None:
        self.samples, self.loss, self.right = 0, 0.0, 0
        self.classes = True

    def add(self, loss: torch.Tensor, right: int | None, samples: int) -> None:
        """Count a batch."""
        self.samples += samples
        self.loss += float(loss) * samples
        self.classes &= right is not None
        self.right += right or 0

    def score(self) -> Score:
        """The means so far."""
        samples = max(self.samples, 1)
        return Score(self.loss / samples, self.right / samples if self.classes else None)
