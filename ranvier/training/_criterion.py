"""What one batch is judged by: its loss, what is added to it, and which hidden signals that takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

__all__ = ["BatchCriterion", "Hidden", "hidden_of", "judge", "lengths_of", "penalty_of"]

Tensor = torch.Tensor
#: hidden[population][variable] [T, B, …]
Hidden = Mapping[str, Mapping[str, Tensor]]


@dataclass(frozen=True)
class BatchCriterion:
    """``score(out)`` for one batch, and ``penalty(hidden)`` on top of it where hidden signals are given.

    ``record`` names the hidden signals that the penalty reads; ``lengths`` [B] the steps that belong to each sample; ``per_step``
    and ``update`` are those of ``rv.rules.PerStep``. A rule takes
    any function of the output instead: nothing is then recorded, and all steps count.
    """

    score: Callable[[Any], Tensor]
    penalty: Callable[[Hidden], Tensor] | None = None
    record: Mapping[str, Sequence[str]] = field(default_factory=dict)
    lengths: Tensor | None = None
    per_step: bool = False
    update: int = 0

    def __call__(self, out: Any, hidden: Hidden | None = None) -> Tensor:
        """The scalar to be differentiated."""
        loss = self.score(out)
        return loss if hidden is None or self.penalty is None else loss + self.penalty(hidden)


def hidden_of(criterion: Callable[..., Tensor]) -> Mapping[str, Sequence[str]]:
    """The hidden signals that a criterion reads."""
    return criterion.record if isinstance(criterion, BatchCriterion) else {}


def penalty_of(criterion: Callable[..., Tensor]) -> Callable[[Hidden], Tensor] | None:
    """What a criterion adds to the loss of the output, a scalar of the hidden signals that it reads."""
    return criterion.penalty if isinstance(criterion, BatchCriterion) else None


def lengths_of(criterion: Callable[..., Tensor]) -> Tensor | None:
    """The steps [B] that belong to each sample; None where all do."""
    return criterion.lengths if isinstance(criterion, BatchCriterion) else None


def judge(criterion: Callable[..., Tensor], out: Any, hidden: Hidden) -> Tensor:
    """The criterion of an output and of the hidden signals that it asked for."""
    return criterion(out, hidden) if isinstance(criterion, BatchCriterion) else criterion(out)
