"""The interface of learning rules."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from ranvier.network import Network
from ranvier.training.batches import Signal
from ranvier.training.rules._criterion import Criterion

__all__ = ["Outcome", "Rule"]


@dataclass(frozen=True)
class Outcome:
    """The result of one batch: output and loss, detached; ``spikes[population]`` [*shape], sums over time and batch."""

    out: Any
    loss: torch.Tensor
    spikes: Mapping[str, torch.Tensor]


class Rule(ABC):
    """A learning rule. It sees a network from outside: the network does not change with the rule.

    Rules hold their settings and nothing else; what they draw follows torch's random numbers.
    """

    @property
    def regularizable(self) -> bool:
        """Whether hidden signals reach the criterion with their gradient, as regularisers need."""
        return False

    @property
    def regularizable_per_step(self) -> bool:
        """Whether they reach it window by window, as regularisers that are a mean over steps need."""
        return self.regularizable

    @property
    def mixes(self) -> bool:
        """Whether products of the network may run in half precision, as torch's autocast does."""
        return False

    @abstractmethod
    def arguments(self) -> dict[str, Any]:
        """The arguments of a call of the network under this rule: window, checkpoint, reset."""

    @abstractmethod
    def gradient(self, net: Network, x: Signal, criterion: Criterion) -> Outcome:
        """Run a batch ``x`` [T, B, …] from a fresh state and add to ``.grad`` of every parameter."""
