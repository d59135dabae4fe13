"""The fraction that is classified correctly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from ranvier.errors import TrainingError
from ranvier.training.metrics._metric import Compared

__all__ = ["Accuracy"]

Tensor = torch.Tensor
#: batches whose hits are counted at once
_AT_ONCE = 64


@dataclass(frozen=True)
class Accuracy(Compared):
    """The fraction of samples, or of steps, whose class is right; ``compared`` gives both classes [N]."""

    name: str = "accuracy"
    larger: ClassVar[bool] = True
    kind: ClassVar[str] = "classes"

    def tally(self) -> _Right:
        """Counts of right ones and of all."""
        return _Right(self.compared)


class _Right:
    def __init__(self, compared: Callable[..., tuple[Tensor, Tensor]]) -> None:
        self.compared, self.right, self.all = compared, 0, 0
        self._hits: list[Tensor] = []

    def add(self, out: Any, target: Any, lengths: Tensor | None, samples: int) -> None:
        found, truth = self.compared(out, target, lengths)
        if found.shape != truth.shape:
            raise TrainingError(
                f"metric='accuracy' needs one class per sample, {tuple(found.shape)}, got targets {tuple(truth.shape)}."
            )
        self._hits.append(found == truth)
        self.all += truth.numel()
        if len(self._hits) == _AT_ONCE:
            self._count()

    def value(self) -> float:
        self._count()
        return self.right / max(self.all, 1)

    def _count(self) -> None:
        if self._hits:
            self.right += int(torch.cat([hits.flatten() for hits in self._hits]).sum())
            self._hits = []
