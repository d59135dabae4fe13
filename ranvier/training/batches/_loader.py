"""Batches of a ``DataLoader``, which decides on order and size itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch.utils.data import DataLoader

from ranvier.training.batches._batch import Batch, taken
from ranvier.training.batches._source import empty, first_of, tell_epoch

__all__ = ["Loader"]


class Loader:
    """The batches of a loader; the states of generators that it was given are kept between epochs."""

    rewinds = True

    def __init__(self, loader: DataLoader[Any], name: str) -> None:
        self.loader, self.name = loader, name
        try:
            self.count: int | None = len(loader)
        except TypeError:  # a stream
            self.count = None
        if self.count == 0:
            raise empty(name)

    def first(self) -> Batch:
        """The first batch of an epoch; generators are then as before."""
        before = self.state()
        try:
            return first_of(self.epoch(0), self.name)
        finally:
            self.restore(before)

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """One pass of the loader."""
        for part in (self.loader.dataset, getattr(self.loader, "sampler", None)):
            tell_epoch(part, epoch)
        for batch in self.loader:
            yield taken(batch, self.name)

    def state(self) -> Mapping[str, torch.Tensor]:
        """The states of the loader's own generators."""
        return {f"generator{k}": g.get_state() for k, g in enumerate(self._generators())}

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Set the states of generators."""
        own = {f"generator{k}": g for k, g in enumerate(self._generators())}
        if own.keys() != state.keys():
            raise ValueError(f"the loader has {len(own)} generators of its own, not {len(state)}")
        for name, generator in own.items():
            generator.set_state(state[name])

    def _generators(self) -> list[torch.Generator]:
        batches = getattr(self.loader, "batch_sampler", None)
        places = [self.loader, getattr(self.loader, "sampler", None), batches, getattr(batches, "sampler", None)]
        found = [getattr(place, "generator", None) for place in places]
        return list(dict.fromkeys(g for g in found if isinstance(g, torch.Generator)))
