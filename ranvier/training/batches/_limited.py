"""Epochs of a number of batches, over the borders of passes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch

from ranvier.training.batches._batch import Batch, key
from ranvier.training.batches._source import Source

__all__ = ["Limited"]


class Limited:
    """The batches of ``source``, pass after pass; an epoch is the next ``limit`` of them.

    What is drawn while they are read follows ``seed`` and the number of the pass, so that skipping what was read leads a new
    process to the same place.
    """

    def __init__(self, source: Source, limit: int, seed: int | None) -> None:
        self.source, self.name, self.count, self.rewinds = source, source.name, limit, source.rewinds
        self.seed, self.position, self._passes = seed, 0, 0
        self._going: Iterator[Batch] | None = None
        self._random = torch.empty(0)

    def first(self) -> Batch:
        """The first batch of the source."""
        return self.source.first()

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """The next batches."""
        for _ in range(self.count):
            batch = self._next()
            if batch is None:
                return
            yield batch

    def state(self) -> Mapping[str, torch.Tensor]:
        """How many batches were read."""
        return {"position": torch.tensor(self.position)}

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Skip the batches that were read."""
        position = state.get("position")
        if position is None or position.ndim or position.dtype != torch.int64 or not 0 <= int(position) < 1 << 40:
            raise ValueError("the position in the data is missing or no number of batches")
        while self.position < int(position):
            if self._next() is None:
                raise ValueError(f"the data end before batch {int(position)}, where the training stopped reading")

    def _next(self) -> Batch | None:
        """The next batch; None at the end of what is read only once, or where a pass has none."""
        with torch.random.fork_rng(devices=[]):
            batch = None
            if self._going is not None:
                torch.set_rng_state(self._random)
                batch = next(self._going, None)
            if batch is None:
                self._passes += 1
                torch.manual_seed(key(self.seed, "pass", self._passes))
                self._going = self.source.epoch(self._passes)
                batch = next(self._going, None)
            self._random = torch.get_rng_state()
        self.position += batch is not None
        return batch
