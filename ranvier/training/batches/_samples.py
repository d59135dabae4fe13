"""Samples by number: tensors of a whole data set, and data sets of torch with a length."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

import torch

from ranvier.errors import ShapeError
from ranvier.training.batches._batch import Batch, key, lengths_of_batch, mapped, parts_of, second, stacked, time_first
from ranvier.training.batches._source import Steady, empty

__all__ = ["Samples", "Tensors", "are_parts", "is_signal"]

Tensor = torch.Tensor
#: numbers of a sample that pay for a look-up of its own
_LARGE = 1 << 12
#: numbers of small samples that are looked up at once, for as many batches as they make
_AHEAD = 1 << 16


class _Numbered(Steady):
    """``samples`` samples, in an order that seed and epoch decide, or as they are where the seed is None."""

    def __init__(self, samples: int, batch_size: int, seed: int | None, name: str) -> None:
        if not samples:
            raise empty(name)
        self.samples, self.batch_size, self.seed, self.name = samples, batch_size, seed, name

    @property
    def count(self) -> int:
        """Batches per epoch."""
        return -(-self.samples // self.batch_size)

    def first(self) -> Batch:
        """The first samples."""
        return self.collate(torch.arange(min(self.batch_size, self.samples)))

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """All samples, each once."""
        return self.batches(self._order(epoch))

    def batches(self, order: Tensor) -> Iterator[Batch]:
        """The batches of samples in this order."""
        return map(self.collate, order.split(self.batch_size))

    def _order(self, epoch: int) -> Tensor:
        if self.seed is None:
            return torch.arange(self.samples)
        return torch.randperm(self.samples, generator=torch.Generator().manual_seed(key(self.seed, epoch, "order")))

    @abstractmethod
    def collate(self, index: Tensor) -> Batch:
        """The batch of some samples."""


class Tensors(_Numbered):
    """A data set in memory: (x [S, T, …], y [S, …]), also with lengths [S]; x and y may be mappings, y may be missing."""

    def __init__(self, parts: Any, batch_size: int, seed: int | None, name: str) -> None:
        self.parts: tuple[Any, ...] = tuple(mapped(part, torch.as_tensor) for part in parts)
        super().__init__(_rows_of_all(self.parts, name), batch_size, seed, name)
        large = max(part[0].numel() for part in parts_of(self.parts[0], "x").values())
        self._ahead = max(1, _AHEAD // max(1, large * batch_size)) * batch_size

    def batches(self, order: Tensor) -> Iterator[Batch]:
        """The batches of samples in this order; of small samples, some batches are looked up at once."""
        size, signal, target = self.batch_size, self.parts[0], second(self.parts)
        if self._ahead == size or len(self.parts) > 2:
            yield from super().batches(order)
            return
        for index in order.split(self._ahead):
            x = mapped(signal, lambda part, index=index: _several(part, index, size))
            y = mapped(target, lambda part, index=index: part[index].split(size))
            for k in range(-(-len(index) // size)):
                yield mapped(x, itemgetter(k)), mapped(y, itemgetter(k)), None

    def collate(self, index: Tensor) -> Batch:
        """The batch of some samples."""
        x, lengths = self.parts[0], self.parts[2:]
        chosen = mapped(x, lambda part: _chosen(part, index))
        target = mapped(second(self.parts), lambda part: part[index])
        return chosen, target, lengths_of_batch(lengths[0][index], chosen, self.name) if lengths else None


class Samples(_Numbered):
    """A data set with a length, whose samples are (x [T, …], y), also with a number of steps."""

    def __init__(self, samples: Any, batch_size: int, seed: int | None, name: str) -> None:
        self.source = samples
        super().__init__(len(samples), batch_size, seed, name)

    def collate(self, index: Tensor) -> Batch:
        """The batch of some samples."""
        return stacked([self.source[int(k)] for k in index], self.name)


def are_parts(source: Any) -> bool:
    """True for (x,), (x, y) or (x, y, lengths), each for the whole data set; y may be None."""
    if not isinstance(source, tuple | list) or len(source) not in (1, 2, 3) or not is_signal(source[0]):
        return False
    return all(is_signal(part) or (k == 1 and part is None) for k, part in enumerate(source))


def is_signal(part: Any) -> bool:
    """True for what holds a whole side of a data set, not one sample of it."""
    return isinstance(part, Mapping) or hasattr(part, "__array__")


def _rows_of_all(parts: tuple[Any, ...], name: str) -> int:
    """Samples of a data set given as (x, y, lengths).

    Raises
    ------
    ShapeError
        Where parts disagree.
    """
    counts = {n: _rows(part) for n, part in parts_of(parts[0], "x").items()}
    first, samples = next(iter(counts.items()), ("x", 0))
    for n, count in counts.items():
        if count != samples:
            raise ShapeError(f"{name}: input {first!r} has {samples} samples and {n!r} {count}; give one per sample.")
    for n, part in parts_of(second(parts), "y").items():
        if _rows(part) != samples:
            raise ShapeError(f"{name}: x has {samples} samples and {n} {_rows(part)}; give one target per sample.")
    for part in parts[2:]:
        if _rows(part) != samples:
            raise ShapeError(f"{name}: x has {samples} samples, lengths has {_rows(part)}; give one per sample.")
    return samples


def _rows(part: Tensor) -> int:
    return part.shape[0] if part.ndim else 0


def _chosen(x: Tensor, index: Tensor) -> Tensor:
    """The samples named, contiguous with time first: large ones are copied once, small ones picked at once."""
    if x.ndim < 2 or not len(index) or x[0].numel() < _LARGE:
        return time_first(x[index]).contiguous()
    return torch.stack([x[k] for k in index.tolist()], dim=1)


def _several(x: Tensor, index: Tensor, size: int) -> Sequence[Tensor]:
    """The batches of ``size`` samples each that ``index`` names, as :func:`_chosen` gives them; the last may be smaller."""
    whole = len(index) - len(index) % size
    if x.ndim < 2 or whole <= size:
        return [_chosen(x, part) for part in index.split(size)]
    found = x[index[:whole]].unflatten(0, (-1, size)).transpose(1, 2).contiguous().unbind(0)
    return found if whole == len(index) else (*found, _chosen(x, index[whole:]))
