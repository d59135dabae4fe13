"""The size of errors, in the unit of the targets."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from ranvier.training.metrics._metric import Compared

__all__ = ["MAE", "RMSE"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class RMSE(Compared):
    """sqrt(mean (e - y)**2) over all samples (and steps) and values; ``compared`` gives estimates e and targets y [N, K]."""

    name: str = "rmse"
    larger: ClassVar[bool] = False
    kind: ClassVar[str] = "values"

    def tally(self) -> _Errors:
        """Sums of squares."""
        return _Errors(self.compared, torch.square, math.sqrt)


@dataclass(frozen=True)
class MAE(Compared):
    """mean abs(e - y) over all samples (and steps) and values; ``compared`` gives estimates e and targets y [N, K]."""

    name: str = "mae"
    larger: ClassVar[bool] = False
    kind: ClassVar[str] = "values"

    def tally(self) -> _Errors:
        """Sums of absolute errors."""
        return _Errors(self.compared, torch.abs, float)


class _Errors:
    """``last`` of the mean of ``each`` error."""

    def __init__(
        self, compared: Callable[..., Any], each: Callable[[Tensor], Tensor], last: Callable[[float], float]
    ) -> None:
        self.compared, self.each, self.last = compared, each, last
        self.total, self.count = 0.0, 0

    def add(self, out: Any, target: Any, lengths: Tensor | None, samples: int) -> None:
        found, truth = self.compared(out, target, lengths)
        self.total += float(self.each(found.double() - truth.double()).sum())
        self.count += truth.numel()

    def value(self) -> float:
        return self.last(self.total / max(self.count, 1))
