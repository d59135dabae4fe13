"""The interface of data for a training: batches, epoch after epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import torch

from ranvier.errors import TrainingError
from ranvier.training.batches._batch import Batch

__all__ = ["Source", "Steady", "empty", "first_of", "tell_epoch"]


class Source(Protocol):
    """Batches (x [T, B, …], y [B, …], lengths [B] or None) of a data set, epoch after epoch."""

    name: str

    @property
    def count(self) -> int | None:
        """Batches per epoch; None where that is not known before."""
        ...

    @property
    def rewinds(self) -> bool:
        """Whether a new process can bring it to where an interrupted training stood."""
        ...

    def first(self) -> Batch:
        """One batch to look at, which the epochs give again."""
        ...

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """The batches of epoch 1, 2, …"""
        ...

    def state(self) -> Mapping[str, torch.Tensor]:
        """What it keeps between epochs, for a checkpoint."""
        ...

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go on from a state; ValueError where it is of another form."""
        ...


class Steady:
    """A source that keeps nothing between epochs."""

    @property
    def rewinds(self) -> bool:
        """True."""
        return True

    def state(self) -> Mapping[str, torch.Tensor]:
        """Nothing."""
        return {}

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Check that there is nothing."""
        if state:
            raise ValueError(f"the data set keeps no {', '.join(state)}")


def empty(name: str) -> TrainingError:
    """The error of a data set without a sample."""
    return TrainingError(f"{name} is empty: give at least one sample.")


def first_of(batches: Iterator[Batch], name: str) -> Batch:
    """The next batch.

    Raises
    ------
    TrainingError
        Where there is none.
    """
    batch = next(batches, None)
    if batch is None:
        raise empty(name)
    return batch


def tell_epoch(part: Any, epoch: int) -> None:
    """Tell the epoch to a sampler or stream whose order follows it, by torch's own convention."""
    tell = getattr(part, "set_epoch", None)
    if callable(tell):
        tell(epoch)
