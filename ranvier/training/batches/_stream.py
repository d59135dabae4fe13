"""Streams: samples or batches one after another, of unknown number, read again or only once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import torch
from torch.utils.data import IterableDataset

from ranvier.errors import TrainingError
from ranvier.training.batches._batch import Batch, key, stacked, taken

__all__ = ["Blocks", "Stream"]

Tensor = torch.Tensor


class Blocks:
    """``make(epoch)`` gives the batches (x [B, T, …], y [B, …]) of an epoch, of which at most ``limit`` are read."""

    rewinds = True
    count = None

    def __init__(self, make: Callable[[int], Iterable[Any]], name: str, limit: int | None = None) -> None:
        self.make, self.name, self.limit = make, name, limit

    def first(self) -> Batch:
        """The first batch of epoch 1."""
        return _one(self.epoch(1), self.name)

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch."""
        given = self.make(epoch)
        if not isinstance(given, Iterable):
            raise TrainingError(f"{self.name}({epoch}) gave a {type(given).__name__}: give the batches of an epoch.")
        for batch in islice(given, self.limit):
            yield taken(batch, self.name)

    def state(self) -> Mapping[str, Tensor]:
        """Nothing."""
        return {}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """The epoch decides."""


class Stream:
    """An iterable of batches, or of samples in the case of an ``IterableDataset``.

    Without ``limit`` an epoch is one pass. With it an epoch is the next ``limit`` batches, and the passes follow one
    another. What is drawn while it is read follows ``seed`` and the number of the pass, so that skipping what was
    read leads a new process to the same place.
    """

    def __init__(self, source: Any, batch_size: int, seed: int | None, name: str, limit: int | None = None) -> None:
        self.source, self.batch_size, self.seed, self.name, self.limit = source, batch_size, seed, name, limit
        self.single = isinstance(source, IterableDataset)
        self.rewinds = not isinstance(source, Iterator)
        self.position, self._passes, self._kept = 0, 0, None
        self._going: Iterator[Batch] | None = None
        self._random = torch.empty(0)

    @property
    def count(self) -> int | None:
        """Batches per epoch, where they are limited or the stream knows its length."""
        if self.limit is not None:
            return self.limit
        try:
            samples = len(self.source)
        except TypeError:
            return None
        return -(-samples // self.batch_size) if self.single else samples

    def first(self) -> Batch:
        """The first batch; a stream that is read only once gives it again in its first epoch."""
        if self.rewinds:
            return _one(self._pass(1), self.name)
        if self._kept is None:
            self._kept = _one(self._pass(1), self.name)
        return self._kept

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """One pass, or the next batches."""
        if self.limit is None and self.rewinds:
            yield from self._pass(epoch)
            return
        number = 0
        while self.limit is None or number < self.limit:
            batch = self._next()
            if batch is None:
                return
            number += 1
            yield batch

    def state(self) -> Mapping[str, Tensor]:
        """How many batches were read."""
        return {"position": torch.tensor(self.position)} if self.limit is not None else {}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Skip the batches that were read."""
        if self.limit is None:
            return
        position = state.get("position")
        if position is None or position.ndim or position.is_floating_point() or not 0 <= int(position) < 1 << 40:
            raise ValueError("the position in the stream is missing or no number of batches")
        while self.position < int(position):
            if self._next() is None:
                raise ValueError(f"the stream ends before batch {int(position)}, to which it was read")

    def _next(self) -> Batch | None:
        """The next batch, over the borders of passes; None at the end of a stream that is read only once."""
        if self._kept is not None:
            batch, self._kept = self._kept, None
            self.position += 1
            return batch
        with torch.random.fork_rng(devices=[]):
            if self._going is not None:
                torch.set_rng_state(self._random)
            else:
                self._begin()
            batch = next(self._going, None)  # type: ignore[arg-type]
            if batch is None and self.rewinds:
                self._begin()
                batch = _one(self._going, self.name)  # type: ignore[arg-type]
            self._random = torch.get_rng_state()
        self.position += batch is not None
        return batch

    def _begin(self) -> None:
        self._passes += 1
        torch.manual_seed(key(self.seed, "stream", self._passes))
        self._going = self._pass(self._passes)

    def _pass(self, number: int) -> Iterator[Batch]:
        tell = getattr(self.source, "set_epoch", None)
        if callable(tell):
            tell(number)
        if not self.single:
            for batch in self.source:
                yield taken(batch, self.name)
            return
        samples = iter(self.source)
        while some := list(islice(samples, self.batch_size)):
            yield stacked(some, self.name)


def _one(batches: Iterator[Batch], name: str) -> Batch:
    """The next batch.

    Raises
    ------
    TrainingError
        Where there is none.
    """
    batch = next(batches, None)
    if batch is None:
        raise TrainingError(f"{name} is empty: give at least one sample.")
    return batch
