"""The share of the variance of targets that estimates explain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from ranvier.errors import TrainingError
from ranvier.training.metrics._metric import Compared

__all__ = ["R2"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class R2(Compared):
    """1 - sum (e - y)**2 / sum (y - mean y)**2, over all samples (and steps), averaged over the K values.

    ``compared`` gives estimates e and targets y [N, K]. 1 is exact, 0 is no better than the mean of the targets.
    """

    name: str = "r2"
    larger: ClassVar[bool] = True
    kind: ClassVar[str] = "values"

    def tally(self) -> _Explained:
        """Sums of squared errors, and the spread of targets."""
        return _Explained(self.compared, self.name)


class _Explained:
    """Means and squares of batches are joined as by Chan, Golub & LeVeque, 1979: no large sums are subtracted."""

    def __init__(self, compared: Callable[..., Any], name: str) -> None:
        self.compared, self.name, self.count = compared, name, 0
        self.errors = self.mean = self.spread = torch.zeros(())

    def add(self, out: Any, target: Any, lengths: Tensor | None, samples: int) -> None:
        found, truth = (part.double().flatten(1) for part in self.compared(out, target, lengths))
        count, total = len(truth), self.count + len(truth)
        mean = truth.mean(0)
        apart = mean - self.mean
        self.errors = self.errors + (found - truth).square().sum(0)
        self.spread = (
            self.spread + (truth - mean).square().sum(0) + apart.square() * (self.count * count / max(total, 1))
        )
        self.mean = self.mean + apart * (count / max(total, 1))
        self.count = total

    def value(self) -> float:
        still = (self.spread <= 0).nonzero().flatten().tolist() if self.count else []
        if still:
            raise TrainingError(
                f"metric {self.name!r} is undefined: value {still[0]} of the targets is the same in all {self.count} "
                f"samples; leave it out of the targets, or use metric='rmse' or 'mae'."
            )
        return float((1 - self.errors / self.spread).mean()) if self.count else 0.0
