"""Samples by number, each read and changed when asked for: what ``rv.train`` takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from ranvier.data._card import Card
from ranvier.errors import ShapeError

__all__ = ["Samples", "Splits"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Samples(Dataset[tuple[Any, Tensor]]):
    """A torch ``Dataset`` of (x, y): ``get(index[i])`` through ``transform``, and its class.

    Attributes
    ----------
    get
        Reads the item of a number: events, sound [samples], an image [H, W] or a series [T, C].
    index
        The numbers that belong to this set.
    target
        Class of every sample [S].
    group
        Speaker, subject or person of every sample [S]; None where unknown.
    transform
        Item → x [T, …]; None leaves it as it is.

    >>> target = np.array([0, 1, 0])
    >>> samples = rv.data.Samples(lambda i: torch.full((10, 3), float(i)), np.arange(3), target)
    >>> x, y = samples[2]
    >>> samples
    Samples(3 samples of 2 classes)
    """

    get: Callable[[int], Any]
    index: np.ndarray
    target: np.ndarray
    group: np.ndarray | None = None
    transform: Callable[[Any], Any] | None = None

    def __post_init__(self) -> None:
        if len(self.index) != len(self.target) or (self.group is not None and len(self.group) != len(self.index)):
            raise ShapeError(f"{len(self.index)} samples, {len(self.target)} targets: give one of each")

    def __len__(self) -> int:
        return len(self.index)

    def __repr__(self) -> str:
        classes = f"{len(self)} samples of {len(np.unique(self.target))} classes"
        groups = "" if self.group is None else f" and {len(np.unique(self.group))} groups"
        change = "" if self.transform is None else f", transform={self.transform!r}"
        return f"Samples({classes}{groups}{change})"

    def __getitem__(self, i: int) -> tuple[Any, Tensor]:
        if not -len(self) <= i < len(self):
            raise IndexError(f"sample {i} of {len(self)}")
        item = self.get(int(self.index[i]))
        return (item if self.transform is None else self.transform(item)), torch.tensor(int(self.target[i]))

    def items(self) -> Iterator[Any]:
        """The items in order, untransformed: for encoders that take many at once."""
        return (self.get(int(i)) for i in self.index)

    def through(self, transform: Callable[[Any], Any] | None) -> Samples:
        """The same samples through another transform."""
        return replace(self, transform=transform)

    def take(self, chosen: Sequence[int] | np.ndarray) -> Samples:
        """Some of the samples, by position or by a mask."""
        chosen = np.asarray(chosen)
        group = None if self.group is None else self.group[chosen]
        return replace(self, index=self.index[chosen], target=self.target[chosen], group=group)

    def tensors(self) -> tuple[Tensor, Tensor]:
        """All samples at once: (x [S, T, …], y [S]).

        Raises
        ------
        ShapeError
            Where samples differ in shape; a transform that gives all one length helps.
        """
        xs = [torch.as_tensor(self[i][0]) for i in range(len(self))]
        shapes = {tuple(x.shape) for x in xs}
        if len(shapes) != 1:
            raise ShapeError(
                f"samples have shapes {sorted(shapes)[:3]} …; pass a transform that gives all one shape [T, …]"
            )
        return torch.stack(xs), torch.as_tensor(self.target.astype(np.int64))


@dataclass(frozen=True)
class Splits:
    """The three sets of a data set: learn from ``train``, choose by ``valid``, report ``test`` once."""

    train: Samples
    valid: Samples
    test: Samples
    card: Card

    def through(self, transform: Callable[[Any], Any] | None) -> Splits:
        """All three through another transform."""
        train, valid, test = (part.through(transform) for part in (self.train, self.valid, self.test))
        return Splits(train, valid, test, self.card)
