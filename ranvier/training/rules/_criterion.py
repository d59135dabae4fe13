"""What a rule minimises: a scalar of the output, and whether it is a mean over steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

__all__ = ["Criterion", "PerStep", "is_per_step"]

#: output of the network [T, B, …] -> scalar loss
Criterion = Callable[[Any], torch.Tensor]


@dataclass(frozen=True)
class PerStep:
    """A criterion that is a mean over steps: criterion(out) = 1/T sum over t of l(out[t]).

    Only such a loss can be differentiated as the series goes by; rules that work in windows then run it once instead of
    twice. ``update`` counts the calls of a training, for rules that change with it.

    >>> value = rv.rules.SLTT().gradient(net, spikes, rv.rules.PerStep(lambda out: out.square().mean()))
    """

    criterion: Criterion
    per_step: bool = True
    update: int = 0

    def __call__(self, out: Any) -> torch.Tensor:
        """The loss of an output [T, B, …]."""
        return self.criterion(out)


def is_per_step(criterion: Criterion) -> bool:
    """Whether a criterion declares itself to be a mean over steps."""
    return bool(getattr(criterion, "per_step", False))
