"""Batches of a ``DataLoader``, which decides on order and size itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch.utils.data import DataLoader

from ranvier.errors import TrainingError
from ranvier.training.batches._batch import Batch, taken

__all__ = ["Loader"]


class Loader:
    """The batches of a loader; the states of generators that it was given are kept between epochs."""

    def __init__(self, loader: DataLoader[Any], name: str) -> None:
        self.loader, self.name = loader, name
        try:
            self.count: int | None = len(loader)
        except TypeError:  # a stream
            self.count = None
        if self.count == 0:
            raise TrainingError(f"{name} is empty: give at least one sample.")

    rewinds = True

    def first(self) -> Batch:
        """The first batch of an epoch; generators are then as before."""
        before = self.state()
        batch = next(self.epoch(0), None)
        self.restore(before)
        if batch is None:
            raise TrainingError(f"{self.name} is empty: give at least one sample.")
        return batch

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """One pass of the loader."""
        _tell_epoch(self.loader, epoch)
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


def _tell_epoch(loader: Any, epoch: int) -> None:
    """Tell the epoch to a sampler or stream whose order follows it, by torch's own convention."""
    for part in (loader.dataset, getattr(loader, "sampler", None)):
        tell = getattr(part, "set_epoch", None)
        if callable(tell):
            tell(epoch)
