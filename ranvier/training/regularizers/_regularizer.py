"""The interface of regularisers, and how their signals are found."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ranvier.errors import TrainingError
from ranvier.network import Network
from ranvier.training._criterion import Hidden

__all__ = ["Regularizer", "own_steps", "signals_of"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Regularizer(ABC):
    """A scalar from hidden signals, added to the loss in training (not in validation).

    Parameters
    ----------
    weight
        The factor of the scalar, 0 or more.
    populations
        Names of the populations that it reads; None means all that have its signal.

    Raises
    ------
    TrainingError
        For a weight below 0 or not finite, for names that are no list, and where there is nothing to read.
    """

    weight: float
    populations: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.weight, int | float) or not 0 <= self.weight < math.inf:
            raise TrainingError(f"{type(self).__name__}: weight={self.weight!r} must be a finite number of 0 or more.")
        if isinstance(self.populations, str) or not isinstance(self.populations, Iterable | None):
            named = self.populations if isinstance(self.populations, str) else "lif1"
            raise TrainingError(
                f"{type(self).__name__}: populations={self.populations!r} must be a list, such as [{named!r}]."
            )

    @property
    def per_step(self) -> bool:
        """Whether it is a mean over steps, penalty(s) = 1/T sum over t of p(s[t]), so that it can be used in windows."""
        return False

    @abstractmethod
    def variable(self, net: Network, population: str) -> str | tuple[str, ...] | None:
        """The signal that is read of a population, or several, or None where it has none of the kind."""

    def beside(self, x: Any) -> Mapping[str, Any]:
        """References for the signals, by population, computed from the input ``x`` of a batch. By default there are none.

        :meth:`penalty` gets the reference of its population behind the signals.
        """
        return {}

    @abstractmethod
    def penalty(self, net: Network, population: str, signal: Any, lengths: Tensor | None) -> Tensor:
        """The scalar for one population.

        ``signal`` [T, B, …] is zero after each sample's end (``lengths`` [B]). It is a tuple where :meth:`variable` gives
        several names, or :meth:`beside` a reference, which comes last.
        """

    def watched(self, net: Network) -> dict[str, str | tuple[str, ...]]:
        """What is read, by population.

        Raises
        ------
        TrainingError
            Where a population does not exist or has nothing to read.
        """
        if self.populations is None:
            found = {n: self.variable(net, n) for n in net.populations}
            kept = {n: v for n, v in found.items() if v is not None}
        else:
            kept = {}
            for name in self.populations:
                variable = self.variable(net, name) if name in net.populations else None
                if variable is None:
                    raise TrainingError(
                        f"{type(self).__name__} has nothing to read of {name!r}: the network has the populations "
                        f"{', '.join(net.populations)}, of which it can watch "
                        f"{', '.join(n for n in net.populations if self.variable(net, n)) or 'none'}."
                    )
                kept[name] = variable
        if not kept:
            raise TrainingError(f"{type(self).__name__} finds no population to watch in this network: leave it out.")
        return kept

    def __call__(self, net: Network, hidden: Hidden, lengths: Tensor | None = None, x: Any = None) -> Tensor:
        """The weighted sum over the populations that are watched; ``x`` is the input of the batch."""
        parts, beside = [], self.beside(x)
        for name, read in self.watched(net).items():
            seen = tuple(hidden[name][v] for v in _names(read)) + ((beside[name],) if name in beside else ())
            parts.append(
                self.penalty(net, name, seen[0] if isinstance(read, str) and len(seen) == 1 else seen, lengths)
            )
        return self.weight * torch.stack(parts).sum()


def signals_of(regularizers: Iterable[Regularizer], net: Network) -> Mapping[str, tuple[str, ...]]:
    """Everything that some regularisers read, as a request to record it."""
    record: dict[str, tuple[str, ...]] = {}
    for regularizer in regularizers:
        for name, read in regularizer.watched(net).items():
            record[name] = tuple(dict.fromkeys((*record.get(name, ()), *_names(read))))
    return record


def _names(read: str | tuple[str, ...]) -> tuple[str, ...]:
    return (read,) if isinstance(read, str) else read


def own_steps(signal: Tensor, lengths: Tensor | None) -> Tensor:
    """The number of steps that belong to each sample, [B] in the signal's dtype."""
    if lengths is None:
        return signal.new_full((signal.shape[1],), signal.shape[0])
    return lengths.to(signal)
