"""The interface of metrics, the frame of those of pairs, and a metric that is a function of a batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch

from ranvier.errors import TrainingError

__all__ = ["Compared", "Metric", "Tallied", "Tally"]

Tensor = torch.Tensor


class Tally(Protocol):
    """A metric over the batches that were added to it."""

    def add(self, out: Any, target: Any, lengths: Tensor | None, samples: int) -> None:
        """Count a batch of ``samples`` samples."""
        ...

    def value(self) -> float:
        """The metric of all batches so far."""
        ...


class Tallied(Protocol):
    """A metric: its name, whether a larger value is better, and a new tally for every pass."""

    @property
    def name(self) -> str:
        """The name in tables, callbacks and ``restore_best=``."""
        ...

    @property
    def larger(self) -> bool:
        """Whether a larger value is better."""
        ...

    def tally(self) -> Tally:
        """A tally without batches."""
        ...


@dataclass(frozen=True)
class Compared(ABC):
    """A metric of the pairs that ``compared(out, target, lengths)`` gives: two classes [N], or estimates and targets [N, K].

    ``kind`` says which: "classes" or "values".
    """

    compared: Callable[..., tuple[Tensor, Tensor]]
    name: str
    larger: ClassVar[bool]
    kind: ClassVar[str]

    @abstractmethod
    def tally(self) -> Tally:
        """A tally without batches."""


@dataclass(frozen=True)
class Metric:
    """A score of a batch beside its loss: ``function(out, target)``, or ``(out, target, lengths)``, gives one number.

    Numbers are averaged over batches, each weighed by its samples. ``larger`` says whether a larger one is better.

    >>> error = rv.training.Metric(lambda out, y: (out.mean(0).argmax(1) != y).float().mean(), "error", larger=False)
    >>> fit = rv.train(net, data, valid, epochs=3, metric=[error, "accuracy"])
    """

    function: Callable[..., Any]
    name: str
    larger: bool = True

    def __call__(self, out: Any, target: Any, lengths: Tensor | None = None) -> float:
        """The score of a batch."""
        found = self.function(out, target) if lengths is None else self.function(out, target, lengths)
        try:
            return float(found)
        except (TypeError, ValueError, RuntimeError):
            what = f"a tensor of shape {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
            raise TrainingError(f"metric {self.name!r} gave {what}: it must give one number per batch.") from None

    def tally(self) -> Tally:
        """A mean over samples."""
        return _MeanOverSamples(self)


class _MeanOverSamples:
    def __init__(self, metric: Metric) -> None:
        self.metric, self.total, self.samples = metric, 0.0, 0

    def add(self, out: Any, target: Any, lengths: Tensor | None, samples: int) -> None:
        self.total += self.metric(out, target, lengths) * samples
        self.samples += samples

    def value(self) -> float:
        return self.total / max(self.samples, 1)
