"""Samples with their classes, in batches, as decisions are measured on them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from ranvier.errors import RanvierError, ShapeError
from ranvier.training.batches import open_batches

__all__ = ["check_classes", "labelled", "sizes"]


def labelled(source: Any, batch_size: int, name: str) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches x [T, B, …] with classes [B] of what ``rv.train`` takes; ``name`` is that of the argument.

    Raises
    ------
    RanvierError
        For inputs by name, sequences of different length, and targets that are no classes.
    """
    for x, y, lengths in open_batches(source, batch_size, None, name).epoch(1):
        if not isinstance(x, Tensor):
            raise RanvierError(f"{name} gives inputs by name: {', '.join(map(repr, x))}; give one tensor [S, T, …].")
        if lengths is not None:
            raise RanvierError(f"{name} has lengths: give sequences of equal length, for padding would count as steps.")
        if not isinstance(y, Tensor) or y.ndim != 1 or y.is_floating_point():
            found = f"{y.dtype} of shape {tuple(y.shape)}" if isinstance(y, Tensor) else type(y).__name__
            raise RanvierError(f"targets of {name} are {found}: give a class for each sample, whole numbers [S].")
        yield x, y


def sizes(x: Any) -> tuple[int, int]:
    """The numbers of steps and samples of ``x`` [T, B, …]; neither may be 0."""
    if not isinstance(x, Tensor) or x.ndim < 3 or not x.shape[0] or not x.shape[1]:
        found = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
        raise ShapeError(f"x must be a tensor [T, B, …] of at least one step and one sample, got {found}.")
    return x.shape[0], x.shape[1]


def check_classes(y: Tensor, read: Tensor) -> None:
    """Refuse targets ``y`` [B] that are no class of read-outs ``read`` [K, B, C]."""
    low, high = (int(end) for end in y.aminmax())
    if low < 0 or high >= read.shape[2]:
        raise RanvierError(
            f"target {low if low < 0 else high} is no class of {read.shape[2]} outputs: give 0 to {read.shape[2] - 1}."
        )
