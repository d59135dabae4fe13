"""Scores of a training beside its loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from ranvier.errors import TrainingError
from ranvier.network import silence_after
from ranvier.training.losses import Loss
from ranvier.training.losses.loss import mean_over_time, within

__all__ = ["Mean", "Metric", "Score", "Scoring", "accuracy", "choose_metrics"]

Tensor = torch.Tensor


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

    def __call__(self, out: Any, target: Tensor, lengths: Tensor | None = None) -> float:
        """The score of a batch."""
        found = self.function(out, target) if lengths is None else self.function(out, target, lengths)
        try:
            return float(found)
        except (TypeError, ValueError, RuntimeError):
            what = f"a tensor of shape {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
            raise TrainingError(f"metric {self.name!r} gave {what}: it must give one number per batch.") from None


@dataclass(frozen=True)
class Score:
    """Means over samples: of the loss, and of every metric by name."""

    loss: float
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def accuracy(self) -> float | None:
        """The fraction classified correctly; None where no accuracy is scored."""
        return self.metrics.get("accuracy")

    def of(self, name: str) -> float:
        """The loss, or the metric of this name."""
        return self.loss if name == "loss" else self.metrics[name]


def accuracy(loss: Any) -> Metric:
    """The fraction of a batch that is classified correctly, each class read out as ``loss`` does.

    For a loss without classes, the class is that of the highest mean over time. Targets are classes [B], or [B, T]
    for one in every step.
    """

    def share(out: Any, target: Tensor, lengths: Tensor | None = None) -> float:
        if not isinstance(out, Tensor) or out.ndim != 3 or target.is_floating_point():
            raise TrainingError(
                f"metric='accuracy' needs one output [T, B, C] and whole numbers as targets, got targets of {target.dtype}: "
                f"pass metric= a function (out, target) that scores the task, or leave it out."
            )
        target = target.to(out.device)
        if target.ndim == 2:
            right = out.argmax(2) == target.t()
            inside = within(out, lengths)
            return float(right.float().mean() if inside is None else right[inside.squeeze(2)].float().mean())
        if isinstance(loss, Loss) and loss.classifies:
            predicted = loss.predict(out) if lengths is None else loss.predict(out, lengths)
            if predicted is None:
                name = type(loss).__name__
                raise TrainingError(f"{name}.predict gives None: let {name}.classifies be False, or pass metric=….")
        else:
            predicted = mean_over_time(out if lengths is None else silence_after(out, lengths), lengths).argmax(1)
        if predicted.shape != target.shape:
            raise TrainingError(
                f"metric='accuracy' needs one class per sample, {tuple(predicted.shape)}, got targets {tuple(target.shape)}."
            )
        return float((predicted == target).double().mean())

    return Metric(share, "accuracy")


@dataclass(frozen=True)
class Scoring:
    """``metrics`` to score, and ``chosen``, the name of the one (or "loss") by which the best epoch is chosen."""

    metrics: tuple[Metric, ...] = ()
    chosen: str = "loss"
    larger: bool = False


def choose_metrics(metric: Any, loss: Any) -> Scoring:
    """The requested metrics; the first chooses the best epoch.

    None scores accuracy for a loss that classifies, and the loss alone for any other.

    Raises
    ------
    TrainingError
        For an invalid metric, or a name that occurs twice.
    """
    if metric is None:
        metric = "accuracy" if isinstance(loss, Loss) and loss.classifies else "loss"
    several = list(metric) if isinstance(metric, tuple | list) else [metric]
    made = tuple(_metric(one, loss) for one in several if one != "loss")
    names = ["loss", *(m.name for m in made)]
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None or not several:
        wrong = (
            f"names {twice!r} twice: give each metric a name of its own" if several else "is empty: name one, or None"
        )
        raise TrainingError(f"metric={metric!r} {wrong}.")
    if several[0] == "loss":
        return Scoring(made)
    return Scoring(made, made[0].name, made[0].larger)


def _metric(one: Any, loss: Any) -> Metric:
    if isinstance(one, Metric):
        return one
    if one == "accuracy":
        return accuracy(loss)
    if isinstance(one, str) or not callable(one):
        raise TrainingError(
            f"metric={one!r} is unknown: use 'accuracy', 'loss', a function (out, target) that gives one number, or "
            f"rv.training.Metric(function, name, larger=…)."
        )
    name = getattr(one, "__name__", type(one).__name__)
    return Metric(one, name if name.isidentifier() else "metric")


class Mean:
    """Running means of the loss and of the metrics over batches of different size."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self.metrics, self.samples, self.loss = metrics, 0, 0.0
        self.sums = dict.fromkeys((m.name for m in metrics), 0.0)

    def add(self, loss: Tensor, out: Any, target: Tensor, lengths: Tensor | None, samples: int) -> None:
        """Count a batch."""
        self.samples += samples
        self.loss += float(loss) * samples
        with torch.no_grad():
            for metric in self.metrics:
                self.sums[metric.name] += metric(out, target, lengths) * samples

    def score(self) -> Score:
        """The means so far."""
        samples = max(self.samples, 1)
        return Score(self.loss / samples, {n: s / samples for n, s in self.sums.items()})
