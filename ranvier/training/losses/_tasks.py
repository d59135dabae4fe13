"""Several tasks at once: a weighted sum of losses, each with an output and targets of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from ranvier.errors import ShapeError, TrainingError
from ranvier.training.losses.loss import Kind, Loss
from ranvier.training.metrics import Metric, Tallied

__all__ = ["Tasks"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Tasks(Loss):
    """sum over tasks of weight * loss(out[output], target[task]).

    Parameters
    ----------
    losses
        One of ``rv.losses`` for each task, by the name of its target in the data.
    weights
        Factors by task; 1 for those left out.
    outputs
        The output that a task reads, by task. A task left out reads the output of its own name, or the only one.

    Data have targets by name: y = {"class": [S], "place": [S, 2]}. Metrics are named ``"class.accuracy"``,
    ``"place.rmse"``, ``"place.loss"``; the first task's chooses the best epoch unless ``restore_best=`` names one.

    >>> tasks = {"digit": rv.losses.MaxOverTime(), "place": rv.losses.Regression()}
    >>> loss = rv.losses.Tasks(tasks, weights={"place": 0.1})
    """

    losses: Mapping[str, Loss]
    weights: Mapping[str, float] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.losses, Mapping) or not self.losses:
            raise TrainingError(f"Tasks: losses={self.losses!r} must give one of rv.losses for each task by name.")
        for name, loss in self.losses.items():
            if "." in name:
                raise TrainingError(f"Tasks: {name!r} holds a dot, which separates task and metric: rename the task.")
            if not isinstance(loss, Loss):
                raise TrainingError(f"Tasks: the loss of {name!r} is {loss!r}: give one of rv.losses.")
        for what, given in (("weights", self.weights), ("outputs", self.outputs)):
            if not isinstance(given, Mapping):
                raise TrainingError(
                    f"Tasks: {what}={given!r} must be a mapping by task, such as {what}={{{next(iter(self.losses), 'task')!r}: …}}."
                )
            for name in given:
                if name not in self.losses:
                    raise TrainingError(f"Tasks: {what} names {name!r}, but the tasks are {', '.join(self.losses)}.")
        for name, weight in self.weights.items():
            if not isinstance(weight, int | float) or isinstance(weight, bool) or not 0 <= weight < math.inf:
                raise TrainingError(f"Tasks: weights[{name!r}]={weight!r} must be a finite number of 0 or more.")

    @property
    def per_step(self) -> bool:
        """True where every task's loss is a mean over steps."""
        return all(loss.per_step for loss in self.losses.values())

    @property
    def classifies(self) -> bool:
        """False: each task may."""
        return False

    @property
    def targets(self) -> Kind:
        """Those of the tasks differ."""
        return "any"

    @property
    def scores(self) -> tuple[str, ...]:
        """The metrics of all tasks."""
        return tuple(f"{name}.{score}" for name, loss in self.losses.items() for score in (*loss.scores, "loss"))

    def __call__(self, out: Any, target: Any, lengths: Tensor | None = None) -> Tensor:
        """The weighted sum of the mean losses of the batch."""
        parts = []
        for name, loss in self.losses.items():
            one, truth = self.outputs_of(out, name), self._target(target, name)
            part = loss(one, truth) if lengths is None else loss(one, truth, lengths)
            parts.append(self.weights.get(name, 1.0) * part)
        return torch.stack(parts).sum()

    def predict(self, out: Any, lengths: Tensor | None = None) -> dict[str, Any]:
        """What each task's loss reads out, by task."""
        return {name: loss.predict(self.outputs_of(out, name), lengths) for name, loss in self.losses.items()}

    def metric(self, name: str) -> Tallied:
        """The metric ``"task.metric"``, or the loss of a task."""
        task, _, rest = name.partition(".")
        if task not in self.losses:
            raise TrainingError(
                f"metric={name!r} belongs to no task: write one of {', '.join(map(repr, self.scores))}, or 'loss'."
            )
        loss = self.losses[task]
        return _OfTask(self, task, Metric(loss, "loss", larger=False) if rest == "loss" else loss.metric(rest))

    def target_of(self, x: Any, target: Any) -> Any:
        """The targets of all tasks; a self-supervised one makes its own."""
        given = target if isinstance(target, Mapping) else {}
        made = {name: loss.target_of(x, given.get(name)) for name, loss in self.losses.items()}
        return {name: truth for name, truth in made.items() if truth is not None}

    def at_steps(self, target: Any, out: Any, steps: Sequence[int] | Tensor, total: int) -> Any:
        """The targets of some steps."""
        return {
            name: loss.at_steps(self._target(target, name), self.outputs_of(out, name), steps, total)
            for name, loss in self.losses.items()
        }

    def outputs_of(self, out: Any, task: str) -> Any:
        """The output that a task reads."""
        if not isinstance(out, Mapping):
            return out
        name = self.outputs.get(task, task)
        if name not in out:
            raise ShapeError(
                f"Tasks: task {task!r} reads output {name!r}, but the network has {', '.join(map(repr, out))}: write "
                f"outputs={{{task!r}: …}}."
            )
        return out[name]

    def _target(self, target: Any, task: str) -> Any:
        if not isinstance(target, Mapping) or target.get(task) is None:
            has = ", ".join(map(repr, target)) or "no target" if isinstance(target, Mapping) else type(target).__name__
            raise TrainingError(
                f"Tasks: the data have no target {task!r}, but {has}: give y = {{{task!r}: [S, …], …}}, by task."
            )
        return target[task]


@dataclass(frozen=True)
class _OfTask:
    """A metric of one task."""

    tasks: Tasks
    task: str
    inner: Any

    @property
    def name(self) -> str:
        return f"{self.task}.{self.inner.name}"

    @property
    def larger(self) -> bool:
        return self.inner.larger

    def tally(self) -> _TaskTally:
        return _TaskTally(self.tasks, self.task, self.inner.tally())


class _TaskTally:
    def __init__(self, tasks: Tasks, task: str, inner: Any) -> None:
        self.tasks, self.task, self.inner = tasks, task, inner

    def add(self, out: Any, target: Any, lengths: Tensor | None, samples: int) -> None:
        self.inner.add(self.tasks.outputs_of(out, self.task), target[self.task], lengths, samples)

    def value(self) -> float:
        return self.inner.value()
