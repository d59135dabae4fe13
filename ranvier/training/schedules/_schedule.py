"""The interface of schedules, and factors for every epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from ranvier.errors import TrainingError
from ranvier.training._fit import Epoch

__all__ = ["Given", "Running", "Schedule", "choose_schedule"]

Optimizers = Sequence[torch.optim.Optimizer]


class Running(Protocol):
    """A schedule at work on the optimisers of one training."""

    def resume(self, history: Sequence[Epoch], updates: int) -> None:
        """Go on after the epochs of ``history`` and all their ``updates``."""
        ...

    def before_epoch(self, done: int) -> None:
        """Set the rates before epoch ``done`` + 1."""
        ...

    def after_update(self) -> None:
        """An optimiser step is done."""
        ...

    def after_epoch(self, epoch: Epoch) -> None:
        """An epoch is done and scored."""
        ...


class Schedule(Protocol):
    """A request for learning rates that change."""

    def start(self, optimizers: Optimizers, epochs: int) -> Running:
        """The schedule at work."""
        ...


#: None (steady), "cosine" (to 0 over all epochs), a function of the epochs done -> factor on the rate, or a Schedule
Given = None | str | Callable[[int], float] | Schedule


def choose_schedule(schedule: Given) -> Schedule:
    """The requested schedule.

    Raises
    ------
    TrainingError
        Where it is none.
    """
    if isinstance(schedule, torch.optim.lr_scheduler.LRScheduler):
        name = type(schedule).__name__
        raise TrainingError(
            f"schedule={name}(…) is bound to an optimiser already: write rv.training.TorchSchedule(lambda optimizer: "
            f"torch.optim.lr_scheduler.{name}(optimizer, …)), so that a resumed training can make it anew."
        )
    if hasattr(schedule, "start"):
        return schedule  # type: ignore[return-value]
    if schedule is None or schedule == "cosine" or (callable(schedule) and not isinstance(schedule, type)):
        return _Factors(schedule)
    raise TrainingError(
        f"schedule={schedule!r} is unknown: use None, 'cosine', a function of the epoch that gives a factor, or "
        f"rv.training.TorchSchedule(…)."
    )


@dataclass(frozen=True)
class _Factors:
    """The first rates of every group, each times a factor of the epochs done."""

    factor: Any

    def start(self, optimizers: Optimizers, epochs: int) -> _AtWork:
        """The schedule at work."""
        work = _AtWork(self, optimizers, epochs)
        self.at(0, epochs)
        return work

    def at(self, done: int, epochs: int) -> float:
        """The factor after ``done`` epochs."""
        if self.factor is None:
            return 1.0
        if self.factor == "cosine":
            return 0.5 * (1 + math.cos(math.pi * done / epochs))
        try:
            factor = float(self.factor(done))
        except (TypeError, AttributeError) as error:
            raise TrainingError(
                f"schedule({done}) gave no factor ({error}): a function takes the epochs done and gives a factor on lr; "
                f"write rv.training.TorchSchedule(…) for a schedule of torch."
            ) from error
        if not 0 <= factor < math.inf:
            raise TrainingError(f"schedule({done}) gave {factor}: it must be a finite factor of 0 or more.")
        return factor


class _AtWork:
    def __init__(self, schedule: _Factors, optimizers: Optimizers, epochs: int) -> None:
        self.schedule, self.epochs = schedule, epochs
        self.base = [(group, group["lr"]) for optimizer in optimizers for group in optimizer.param_groups]

    def resume(self, history: Sequence[Epoch], updates: int) -> None:
        """Factors depend on the number of epochs alone."""

    def before_epoch(self, done: int) -> None:
        factor = self.schedule.at(done, self.epochs)
        for group, rate in self.base:
            group["lr"] = rate * factor

    def after_update(self) -> None:
        """Rates hold for an epoch."""

    def after_epoch(self, epoch: Epoch) -> None:
        """The next one is set before it begins."""
