"""All samples of a set with their groups, and those of a reader's folder, which are tested and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from ranvier.data import Splits
from ranvier.errors import RanvierError
from ranvier.recipes.parts.copies import marks, refuse_copies
from ranvier.recipes.parts.split import Split

__all__ = ["Gathered", "gathered", "rotated", "whole"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Gathered:
    """Items, their classes and groups (speakers, repetitions) [S], and which are the set's own."""

    items: Sequence[Tensor]
    target: np.ndarray
    group: np.ndarray
    own: np.ndarray

    @property
    def y(self) -> Tensor:
        """Classes as torch has them."""
        return torch.from_numpy(self.target.astype(np.int64))

    @cached_property
    def copies(self) -> np.ndarray:
        """A number for each item; copies share one."""
        return np.unique(marks(self.items), return_inverse=True)[1]

    def take(self, chosen: np.ndarray) -> Gathered:
        """Some of the samples."""
        return Gathered([self.items[k] for k in chosen], self.target[chosen], self.group[chosen], self.own[chosen])

    def tested_on(
        self, items: Sequence[Tensor], target: np.ndarray, group: np.ndarray, what: str, folder: Path
    ) -> Gathered:
        """These samples and those of a reader's ``folder``.

        Raises
        ------
        RanvierError
            Where the folder holds none, some of another shape, or copies of these.
        """
        if not len(items):
            raise RanvierError(f"{str(folder)!r} holds no {what}.")
        same = all(a.shape == self.items[0].shape for a in self.items)
        for k, item in enumerate(items):
            if same and item.shape != self.items[0].shape:
                raise RanvierError(
                    f"{what} number {k} in {str(folder)!r} has shape {list(item.shape)}; give {list(self.items[0].shape)}."
                )
        known = set(marks(self.items))
        refuse_copies([k for k, mark in enumerate(marks(items)) if mark in known], len(items), what, folder)
        return Gathered(
            [*self.items, *items], np.concatenate([self.target, target]), np.concatenate([self.group, group]),
            np.concatenate([self.own, np.zeros(len(items), bool)]),
        )  # fmt: skip


def gathered(sets: Splits) -> Gathered:
    """All three parts of a set; without groups each item is one of its own."""
    parts = (sets.train, sets.valid, sets.test)
    items = [part[k][0] for part in parts for k in range(len(part))]
    groups = [part.group for part in parts if part.group is not None]
    target = np.concatenate([part.target for part in parts])
    group = np.concatenate(groups) if groups else np.arange(len(items))
    return Gathered(items, target, group, np.ones(len(items), bool))


def rotated(place: np.ndarray, own: np.ndarray, folds: int) -> dict[str, Split]:
    """Folds by ``place`` from 0 to folds - 1 of each sample: one to test, the next to choose by, the others to learn from.

    Where not all are the set's own, the others are tested, part by part; part 0 of the own chooses.
    """
    further = not own.all()

    def fold(k: int) -> Split:
        test = (place == k) & (~own if further else own)
        valid = own & (place == (0 if further else (k + 1) % folds))
        return Split(*(np.flatnonzero(mask) for mask in (own & ~(test | valid), valid, test)))

    held = np.unique(place[~own if further else own])
    return {str(k + 1): fold(int(k)) for k in held}


def whole(samples: Gathered, parts: dict[str, Split], group: str = "") -> dict[str, Split]:
    """The folds, none of which shares a copy of a sample, or a ``group``, between its sets."""
    for fold in parts.values():
        fold.apart(samples.copies, "recording")
        if group:
            fold.apart(samples.group, group)
    return parts
