"""The scores of one pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from ranvier.training.metrics._metric import Tallied

__all__ = ["Mean", "Score"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Score:
    """The mean loss over samples, and every metric by name."""

    loss: float
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def accuracy(self) -> float | None:
        """The fraction classified correctly; None where no accuracy is scored."""
        return self.metrics.get("accuracy")

    def of(self, name: str) -> float:
        """The loss, or the metric of this name."""
        return self.loss if name == "loss" else self.metrics[name]


class Mean:
    """The running mean of the loss, and the tallies of metrics, over batches of different size."""

    def __init__(self, metrics: Sequence[Tallied]) -> None:
        self.samples, self.loss = 0, 0.0
        self.tallies = {m.name: m.tally() for m in metrics}

    def add(self, loss: Tensor, out: Any, target: Any, lengths: Tensor | None, samples: int) -> None:
        """Count a batch."""
        self.samples += samples
        self.loss += float(loss) * samples
        with torch.no_grad():
            for tally in self.tallies.values():
                tally.add(out, target, lengths, samples)

    def score(self) -> Score:
        """The means so far."""
        return Score(self.loss / max(self.samples, 1), {n: t.value() for n, t in self.tallies.items()})
