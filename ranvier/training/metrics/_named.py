"""Metrics by name, each only where it fits what a loss reads out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ranvier.errors import TrainingError
from ranvier.training.metrics._accuracy import Accuracy
from ranvier.training.metrics._errors import MAE, RMSE
from ranvier.training.metrics._metric import Tallied
from ranvier.training.metrics._r2 import R2

__all__ = ["named"]

_NAMED: dict[str, Any] = {"accuracy": Accuracy, "rmse": RMSE, "mae": MAE, "r2": R2}


def named(name: str, compared: Callable[..., Any], targets: str, loss: str) -> Tallied:
    """The metric ``name`` of what ``compared`` gives; ``targets`` are "classes", "values" or "any".

    Raises
    ------
    TrainingError
        Where the name is unknown, or the metric compares something else.
    """
    made = _NAMED.get(name)
    fitting = [repr(n) for n, one in _NAMED.items() if one.kind == targets]
    others = (
        f"{', '.join([*fitting, repr('loss')])}, a function (out, target) that gives one number, or rv.training.Metric"
    )
    if made is None:
        raise TrainingError(f"metric={name!r} is unknown: use {others}(function, name, larger=…).")
    if made.kind != targets:
        what = "gives no estimates that it could compare" if targets == "any" else f"has {targets} as targets"
        raise TrainingError(
            f"metric={name!r} compares {made.kind}, but {loss} {what}: use {others}(function, name, larger=…)."
        )
    return made(compared)
