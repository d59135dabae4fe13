"""Fewer steps, stage by stage: each shorter network starts from the one before."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from ranvier.connectivity.copied import copied
from ranvier.errors import TrainingError
from ranvier.network import Network
from ranvier.training._fit import Fit
from ranvier.training._train import train
from ranvier.values import is_whole

__all__ = ["Stage", "shrink_steps"]


@dataclass(frozen=True)
class Stage:
    """A network trained for one number of steps: ``net`` is a copy, ``fit`` the record of its training."""

    steps: int
    fit: Fit
    net: Network = field(repr=False)


def shrink_steps(
    net: Network, data: Callable[[int], tuple[Any, Any]] | tuple[Any, Any], *, steps: Sequence[int], epochs: int | Sequence[int],
    checkpoint: str | os.PathLike[str] | None = None, **options: Any,
) -> list[Stage]:  # fmt: skip
    """Train for ``steps[0]`` steps, then for fewer and fewer, each stage going on from the best of the last (IIR).

    The weights, time constants and thresholds that were learnt carry over; so a network that sees a sample once
    (T = 1) is reached where training it from scratch would leave its deep layers silent.

    Parameters
    ----------
    net
        Changed in place: it ends as the network of the last stage.
    data
        ``data(steps)`` gives (training set, validation set or None) for that many steps, as :func:`ranvier.train` takes
        them. Or a pair of sets of tensors, (x [S, T, …], y) or (x, y, lengths), of which the first steps are taken.
    steps
        Falling numbers of steps, such as ``(5, 4, 3, 2, 1)``. A network that is already trained at 5 starts at 4.
    epochs
        For every stage, or one number for each.
    checkpoint
        Folder in which every stage keeps its own checkpoint; the same call goes on where it was interrupted.
    options
        All further arguments of :func:`ranvier.train`.

    Raises
    ------
    TrainingError
        Where steps do not fall, epochs do not match them, or the data cannot be cut.

    Source: Chowdhury, Rathi & Roy, 2021 (One timestep is all you need: iterative initialization and retraining).

    Examples
    --------
    >>> stages = rv.shrink_steps(net, (data, valid), steps=(25, 10, 5), epochs=2)
    >>> short = stages[-1].net
    """
    plan = _plan(steps, epochs)
    cut = data if callable(data) else _cutter(data)
    stages: list[Stage] = []
    for count, spent in plan:
        train_set, valid_set = cut(count)
        folder = None if checkpoint is None else Path(checkpoint) / f"steps_{count}"
        fit = train(net, train_set, valid_set, epochs=spent, checkpoint=folder, **options)
        stages.append(Stage(count, fit, copied(net)))
    return stages


def _plan(steps: Sequence[int], epochs: int | Sequence[int]) -> list[tuple[int, int]]:
    counts = [*steps] if isinstance(steps, Iterable) else []
    if not counts or not all(map(is_whole, counts)) or any(b >= a for a, b in pairwise(counts)):
        raise TrainingError(f"steps={steps!r} must be positive whole numbers that fall, such as (5, 4, 3, 2, 1).")
    spent = [epochs] * len(counts) if isinstance(epochs, int) else list(epochs)
    if len(spent) != len(counts):
        raise TrainingError(f"epochs={epochs!r} must be one number, or one for each of the {len(counts)} stages.")
    return list(zip(counts, spent, strict=True))


def _cutter(data: Any) -> Callable[[int], tuple[Any, Any]]:
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise TrainingError(
            "shrink_steps takes data as a pair, training set and validation set (or None), or as a function of the steps."
        )
    return lambda steps: (_first(data[0], steps), _first(data[1], steps))


def _first(source: Any, steps: int) -> Any:
    """The first steps of a set of tensors."""
    if source is None:
        return None
    if not isinstance(source, tuple | list) or len(source) not in (1, 2, 3):
        raise TrainingError(
            f"a {type(source).__name__} cannot be cut to {steps} steps: give tensors (x, y), or data as a function of steps."
        )
    x, y, *lengths = cast("tuple[Any, ...]", (*source, None) if len(source) == 1 else source)
    parts = x if isinstance(x, Mapping) else {"": x}
    short = [n for n, part in parts.items() if part.shape[1] < steps]
    if short:
        raise TrainingError(f"x has {parts[short[0]].shape[1]} steps, fewer than the {steps} asked for in steps=….")
    taken = {n: part[:, :steps] for n, part in parts.items()}
    return (taken if isinstance(x, Mapping) else taken[""], y, *(n.clamp(max=steps) for n in lengths))
