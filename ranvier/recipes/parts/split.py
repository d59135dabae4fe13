"""Train, validation and test sets that share no sample, no group and no copy, and hold every class alike."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ranvier.errors import RanvierError

__all__ = ["Split", "split"]


@dataclass(frozen=True)
class Split:
    """Indices of the samples in each set: ``train`` to learn from, ``valid`` to choose by, ``test`` to report, once.

    Raises
    ------
    RanvierError
        Where two sets share a sample, or one holds none.
    """

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray

    def __post_init__(self) -> None:
        if empty := [name for name, numbers in self._sets().items() if not len(numbers)]:
            raise RanvierError(f"the {empty[0]} set is empty; give more samples, or more parts to divide them into.")
        self._refuse(np.arange(max(map(np.max, self._sets().values())) + 1), "sample")

    def apart(self, labels: np.ndarray, what: str) -> Split:
        """This split, where no two sets share a label: a speaker, or the bytes of a recording.

        Raises
        ------
        RanvierError
            Where they do: the split leaks.
        """
        self._refuse(np.asarray(labels), what)
        return self

    def _sets(self) -> dict[str, np.ndarray]:
        return {"train": self.train, "validation": self.valid, "test": self.test}

    def _refuse(self, labels: np.ndarray, what: str) -> None:
        for (one, a), (other, b) in combinations(self._sets().items(), 2):
            shared = np.intersect1d(labels[a], labels[b])
            if len(shared):
                raise RanvierError(
                    f"the split leaks: the {one} and {other} sets share {len(shared)} {what}(s), such as {shared[0]}; give sets that share none."
                )


def split(target: np.ndarray, seed: int) -> Split:
    """60 % to train, 20 % to validate, 20 % to test, each with the classes in equal shares; drawn anew for every seed."""
    from sklearn.model_selection import train_test_split

    every = np.arange(len(target))
    train, rest = train_test_split(every, train_size=0.6, stratify=target, random_state=seed)
    valid, test = train_test_split(rest, test_size=0.5, stratify=target[rest], random_state=seed)
    return Split(np.sort(train), np.sort(valid), np.sort(test))
