"""What one batch is judged by: its loss, what is added to it, and which hidden signals that takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from ranvier.training._signals import Asked

__all__ = ["BatchCriterion", "Hidden", "asked_of", "at_steps", "hidden_of", "judge", "lengths_of", "penalty_of"]

Tensor = torch.Tensor
#: hidden[population][variable] [T, B, …]
Hidden = Mapping[str, Mapping[str, Tensor]]


@dataclass(frozen=True)
class BatchCriterion:
    """``score(out)`` for one batch, and ``penalty(hidden)`` on top of it where hidden signals are given.

    ``at(steps, total)`` is the criterion of an output of some steps of a series of ``total``: ``score(out, steps, total)``.
    ``asked`` holds the signals that the network gives, among them the hidden ones that the penalty reads; ``lengths`` [B] the steps that belong to each sample;
    ``scale`` is a factor on all of it. ``per_step`` and ``update`` are those of ``rv.rules.PerStep``. A rule takes any function of the output instead: nothing
    is then recorded, and all steps count.
    """

    score: Callable[..., Tensor]
    penalty: Callable[[Hidden], Tensor] | None = None
    asked: Asked | None = None
    lengths: Tensor | None = None
    per_step: bool = False
    update: int = 0
    scale: float = 1.0
    part: tuple[Any, int] | None = None

    def __call__(self, out: Any, hidden: Hidden | None = None) -> Tensor:
        """The scalar to be differentiated."""
        loss = self.score(out) if self.part is None else self.score(out, *self.part)
        whole = loss if hidden is None or self.penalty is None else loss + self.penalty(hidden)
        return whole if self.scale == 1.0 else whole * self.scale

    def at(self, steps: Sequence[int] | Tensor, total: int) -> BatchCriterion:
        """The criterion of an output of some steps."""
        return replace(self, part=(steps, total))


def asked_of(criterion: Callable[..., Tensor]) -> Asked | None:
    """The signals that a batch is to give, where the criterion says so."""
    return criterion.asked if isinstance(criterion, BatchCriterion) else None


def hidden_of(criterion: Callable[..., Tensor]) -> Mapping[str, Sequence[str]]:
    """The hidden signals that a criterion reads."""
    asked = asked_of(criterion)
    return {} if asked is None else asked.hidden


def penalty_of(criterion: Callable[..., Tensor]) -> Callable[[Hidden], Tensor] | None:
    """What a criterion adds to the loss of the output, a scalar of the hidden signals that it reads."""
    return criterion.penalty if isinstance(criterion, BatchCriterion) else None


def lengths_of(criterion: Callable[..., Tensor]) -> Tensor | None:
    """The steps [B] that belong to each sample; None where all do."""
    return criterion.lengths if isinstance(criterion, BatchCriterion) else None


def at_steps(criterion: Callable[..., Tensor], steps: Sequence[int] | Tensor, total: int) -> Callable[..., Tensor]:
    """The criterion of an output of some ``steps`` of a series of ``total``, where it is a mean over steps."""
    return criterion.at(steps, total) if isinstance(criterion, BatchCriterion) else criterion


def judge(criterion: Callable[..., Tensor], out: Any, hidden: Hidden) -> Tensor:
    """The criterion of an output and of the hidden signals that it asked for."""
    return criterion(out, hidden) if isinstance(criterion, BatchCriterion) else criterion(out)
