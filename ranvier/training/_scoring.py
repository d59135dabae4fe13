"""Which metrics a training scores, and which of them chooses the best epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from ranvier.errors import TrainingError
from ranvier.network import silence_after
from ranvier.training.losses import Loss
from ranvier.training.losses.loss import classes_of_steps, mean_over_time
from ranvier.training.metrics import Metric, Tallied, named

__all__ = ["Scoring", "choose_metrics"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Scoring:
    """``metrics`` to score, and ``chosen``, the name of the one (or "loss") by which the best epoch is chosen."""

    metrics: tuple[Tallied, ...] = ()
    chosen: str = "loss"
    larger: bool = False


def choose_metrics(metric: Any, loss: Any, best: bool | str = True) -> Scoring:
    """The requested metrics; ``best`` names the one that chooses the best epoch; if it is True or False, the first one does.

    None scores what the loss says (``Loss.scores``), and the loss alone where it says nothing.

    Raises
    ------
    TrainingError
        For an invalid metric, one that does not fit the loss, or a name that occurs twice.
    """
    if metric is None:
        metric = list(loss.scores) if isinstance(loss, Loss) and loss.scores else "loss"
    several = list(metric) if isinstance(metric, tuple | list) else [metric]
    made = tuple(_metric(one, loss) for one in several if not (isinstance(one, str) and one == "loss"))
    names = ["loss", *(m.name for m in made)]
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None or not several:
        wrong = (
            f"names {twice!r} twice: give each metric a name of its own" if several else "is empty: name one, or None"
        )
        raise TrainingError(f"metric={metric!r} {wrong}.")
    if not isinstance(best, bool):
        if best not in names:
            raise TrainingError(
                f"restore_best={best!r} is not scored: use {', '.join(map(repr, names))}, or add it to metric=[…]."
            )
        directions = {m.name: m.larger for m in made}
        return Scoring(made, best, directions.get(best, False))
    if isinstance(several[0], str) and several[0] == "loss":
        return Scoring(made)
    return Scoring(made, made[0].name, made[0].larger)


def _metric(one: Any, loss: Any) -> Tallied:
    if isinstance(one, str):
        return loss.metric(one) if isinstance(loss, Loss) else _of_function(one, loss)
    if isinstance(one, type):
        raise TrainingError(f"metric={one.__name__} is a class: give a name, a function (out, target) or an object.")
    if hasattr(one, "tally") and hasattr(one, "larger") and isinstance(getattr(one, "name", None), str):
        return one
    if not callable(one):
        raise TrainingError(
            f"metric={one!r} is not a metric: use a name such as 'accuracy' or 'loss', a function (out, target) that "
            f"gives one number, or rv.training.Metric(function, name, larger=…)."
        )
    name = getattr(one, "__name__", type(one).__name__)
    return Metric(one, name if name.isidentifier() else "metric")


def _of_function(name: str, loss: Any) -> Tallied:
    """The metric of this name for a loss that is a function: classes are those of the highest mean over time."""
    what = f"loss={getattr(loss, '__name__', type(loss).__name__)}, a function,"
    return named(name, _highest, "classes", what)


def _highest(out: Any, target: Any, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
    if not isinstance(out, Tensor) or out.ndim != 3 or not isinstance(target, Tensor) or target.is_floating_point():
        what = target.dtype if isinstance(target, Tensor) else type(target).__name__
        raise TrainingError(
            f"metric='accuracy' needs one output [T, B, C] and whole numbers as targets, got targets of {what}: "
            f"pass metric= a function (out, target) that scores the task, or leave it out."
        )
    target = target.to(out.device)
    if target.ndim == 2:
        return classes_of_steps(out, target, lengths)
    return mean_over_time(out if lengths is None else silence_after(out, lengths), lengths).argmax(1), target
