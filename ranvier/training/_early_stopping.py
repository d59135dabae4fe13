"""Stop when the validation score no longer improves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ranvier.errors import TrainingError
from ranvier.training._fit import Epoch

__all__ = ["EarlyStopping"]


@dataclass(frozen=True)
class EarlyStopping:
    """Stop after ``patience`` epochs without a better validation score (the chosen metric, then the loss).

    Source: Prechelt, Neural Networks: Tricks of the Trade, 1998.
    """

    patience: int

    def __post_init__(self) -> None:
        if not isinstance(self.patience, int) or self.patience < 1:
            raise TrainingError(
                f"early_stopping={self.patience!r}: give the number of epochs to wait, at least 1, or None."
            )

    def __call__(self, history: Sequence[Epoch]) -> str | None:
        """Why to stop after these epochs, or None: a pure function, so that a resumed training stops alike."""
        best = max(range(len(history)), key=lambda k: history[k].score)
        waited = len(history) - 1 - best
        if waited < self.patience:
            return None
        return f"stopped early: no better validation score in {waited} epochs since epoch {history[best].epoch}"
