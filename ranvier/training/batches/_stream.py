"""Streams: samples or batches one after another, of unknown number, read again or only once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Any

from torch.utils.data import IterableDataset

from ranvier.errors import TrainingError
from ranvier.training.batches._batch import Batch, stacked, taken
from ranvier.training.batches._source import Steady, first_of, tell_epoch

__all__ = ["Blocks", "Once", "Stream"]


class Blocks(Steady):
    """``make(epoch)`` gives the batches (x [B, T, …], y [B, …]) of an epoch."""

    count = None

    def __init__(self, make: Callable[[int], Iterable[Any]], name: str) -> None:
        self.make, self.name = make, name

    def first(self) -> Batch:
        """The first batch of epoch 1."""
        return first_of(self.epoch(1), self.name)

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch."""
        given = self.make(epoch)
        if not isinstance(given, Iterable):
            raise TrainingError(f"{self.name}({epoch}) gave a {type(given).__name__}: give the batches of an epoch.")
        for batch in given:
            yield taken(batch, self.name)


class Stream(Steady):
    """An iterable of batches, or of samples in the case of an ``IterableDataset``; an epoch is one pass."""

    def __init__(self, source: Any, batch_size: int, name: str) -> None:
        self.source, self.batch_size, self.name = source, batch_size, name
        self.single = isinstance(source, IterableDataset)

    @property
    def count(self) -> int | None:
        """Batches per epoch, where the stream knows its length."""
        try:
            number = len(self.source)
        except TypeError:
            return None
        return -(-number // self.batch_size) if self.single else number

    def first(self) -> Batch:
        """The first batch of a pass."""
        return first_of(self.epoch(1), self.name)

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """One pass; a stream whose order follows the epoch is told it."""
        tell_epoch(self.source, epoch)
        if not self.single:
            for batch in self.source:
                yield taken(batch, self.name)
            return
        samples = iter(self.source)
        while some := list(islice(samples, self.batch_size)):
            yield stacked(some, self.name)


class Once(Steady):
    """An iterator of batches, which is read only once: an epoch is what is left of it."""

    count = None

    def __init__(self, source: Iterator[Any], name: str) -> None:
        self.name = name
        self._left = (taken(batch, name) for batch in source)

    @property
    def rewinds(self) -> bool:
        """False."""
        return False

    def first(self) -> Batch:
        """The next batch, which the next epoch gives again."""
        batch = first_of(self._left, self.name)
        self._left = chain([batch], self._left)
        return batch

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """What is left."""
        yield from self._left
