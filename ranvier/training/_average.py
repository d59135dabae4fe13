"""Averages of parameters over updates, with which a network is scored and ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from ranvier.errors import TrainingError
from ranvier.values import is_whole

__all__ = ["Average", "Averages", "choose_average"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Average:
    """The average of parameters p over updates with which a training scores and ends.

    Parameters
    ----------
    decay
        The average a becomes decay*a + (1 - decay)*p after every update, beginning with p itself. None: all updates
        have equal weight.
    start
        Epochs before the average begins.

    Source: Polyak & Juditsky, SIAM J. Control Optim. 1992; Izmailov et al., UAI 2018 (equal weights).

    >>> fit = rv.train(net, data, valid, epochs=4, average=rv.training.Average(decay=None, start=2))
    """

    decay: float | None = 0.999
    start: int = 0

    def __post_init__(self) -> None:
        real = isinstance(self.decay, int | float) and not isinstance(self.decay, bool)
        if self.decay is not None and not (real and 0 <= self.decay < 1):
            raise TrainingError(f"average: decay={self.decay!r} must be at least 0 and below 1, for example 0.999.")
        if not is_whole(self.start, 0):
            raise TrainingError(f"average: start={self.start!r} must be a number of epochs, 0 or more.")


def choose_average(average: Any) -> Average | None:
    """The requested average."""
    if average is None or isinstance(average, Average):
        return average
    return Average(average)


@dataclass
class Averages:
    """The averages of ``parameters``; ``values`` is empty before the first update that counts."""

    how: Average
    parameters: Mapping[str, nn.Parameter]
    values: dict[str, Tensor] = field(default_factory=dict)
    count: int = 0

    @torch.no_grad()
    def add(self, epoch: int) -> None:
        """Count an update of epoch 1, 2, …"""
        if epoch <= self.how.start:
            return
        self.count += 1
        if not self.values:
            self.values = {n: q.detach().clone() for n, q in self.parameters.items()}
            return
        share = 1 / self.count if self.how.decay is None else 1 - self.how.decay
        for name, value in self.values.items():
            value.lerp_(self.parameters[name], share)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """A context in which the parameters are their averages."""
        if not self.values:
            yield
            return
        own = {n: q.detach().clone() for n, q in self.parameters.items()}
        self.put(self.values)
        try:
            yield
        finally:
            self.put(own)

    @torch.no_grad()
    def put(self, values: Mapping[str, Tensor]) -> None:
        """Set the parameters."""
        for name, value in values.items():
            self.parameters[name].copy_(value)
