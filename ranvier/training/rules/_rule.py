"""What every learning rule promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from ranvier.network import Network
from ranvier.training._data import Signal

__all__ = ["Criterion", "Outcome", "Rule"]

#: output of the network [T, B, …] -> scalar loss; rv.train gives one that also says which steps count (``lengths``)
Criterion = Callable[[Any], torch.Tensor]


@dataclass(frozen=True)
class Outcome:
    """What one batch came to: output and loss, detached; ``spikes[population]`` [*shape], sums over time and batch."""

    out: Any
    loss: torch.Tensor
    spikes: Mapping[str, torch.Tensor]


class Rule(ABC):
    """A learning rule. It sees a network from outside: the network does not change with the rule."""

    @property
    def regularizable(self) -> bool:
        """Whether hidden signals reach the criterion with their gradient, as regularisers need."""
        return False

    @abstractmethod
    def arguments(self) -> dict[str, Any]:
        """The arguments of a call of the network under this rule: window, checkpoint, cut_reset."""

    @abstractmethod
    def gradient(self, net: Network, x: Signal, criterion: Criterion) -> Outcome:
        """Run a batch ``x`` [T, B, …] from a fresh state and add to ``.grad`` of every parameter."""
