"""Schedules of torch, moved on after every epoch or every update."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from ranvier.errors import TrainingError
from ranvier.training._fit import Epoch

__all__ = ["TorchSchedule"]


@dataclass(frozen=True)
class TorchSchedule:
    """A schedule of ``torch.optim.lr_scheduler``, made for the optimiser of a training.

    Parameters
    ----------
    make
        ``make(optimizer)`` gives the schedule; for several optimisers it is called for each.
    every
        ``"epoch"`` or ``"update"``: when it moves on. One that asks for a score (``ReduceLROnPlateau``) moves on after
        epochs, and sees the loss on the validation set, or ``score``.
    score
        The name of the metric that such a schedule sees.

    A resumed training makes it anew and moves it on as often as before, so the rates are the same to the last bit.

    >>> warm = lambda optimizer: torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=4)
    >>> fit = rv.train(net, data, epochs=4, schedule=rv.training.TorchSchedule(warm, every="update"))
    """

    make: Callable[[torch.optim.Optimizer], Any]
    every: Literal["epoch", "update"] = "epoch"
    score: str = "loss"

    def __post_init__(self) -> None:
        if not callable(self.make):
            raise TrainingError(
                f"TorchSchedule: make={self.make!r} must be a function of the optimiser that gives a schedule of torch."
            )
        if self.every not in ("epoch", "update"):
            raise TrainingError(f"TorchSchedule: every={self.every!r} is unknown: use 'epoch' or 'update'.")

    def start(self, optimizers: Sequence[torch.optim.Optimizer], epochs: int) -> _AtWork:
        """The schedule at work."""
        made = [self.make(optimizer) for optimizer in optimizers]
        for one in made:
            if not hasattr(one, "step") or isinstance(one, torch.optim.Optimizer):
                raise TrainingError(
                    f"TorchSchedule: make gave {type(one).__name__}, which is no schedule: give one of "
                    f"torch.optim.lr_scheduler."
                )
            if self.every == "update" and _asks(one):
                raise TrainingError(f"TorchSchedule: {type(one).__name__} asks for a score: use every='epoch'.")
        return _AtWork(self, made)


def _asks(schedule: Any) -> bool:
    """Whether a schedule moves on by a score."""
    first = next(iter(inspect.signature(schedule.step).parameters.values()), None)
    return first is not None and first.default is inspect.Parameter.empty and first.kind in (0, 1)


class _AtWork:
    def __init__(self, schedule: TorchSchedule, made: Sequence[Any]) -> None:
        self.schedule, self.made = schedule, made

    def resume(self, history: Sequence[Epoch], updates: int) -> None:
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", message=".*lr_scheduler.step.*before.*optimizer.step", category=UserWarning
            )
            if self.schedule.every == "update":
                for _ in range(updates):
                    self.after_update()
            for epoch in history:
                self.after_epoch(epoch)

    def before_epoch(self, done: int) -> None:
        """It has moved on after the epoch before."""

    def after_update(self) -> None:
        if self.schedule.every == "update":
            for one in self.made:
                self._move(one)

    def after_epoch(self, epoch: Epoch) -> None:
        if self.schedule.every == "update":
            return
        for one in self.made:
            if not _asks(one):
                self._move(one)
                continue
            names = ("loss", *epoch.seen.metrics)
            if self.schedule.score not in names:
                raise TrainingError(
                    f"TorchSchedule: score={self.schedule.score!r} is not scored: use {', '.join(map(repr, names))}."
                )
            self._move(one, epoch.seen.of(self.schedule.score))

    def _move(self, one: Any, *score: float) -> None:
        try:
            one.step(*score)
        except ValueError as error:
            raise TrainingError(f"schedule {type(one).__name__} cannot move on: {error}") from error
