"""Train, validation and test sets that share no sample and hold every class alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import train_test_split

__all__ = ["Split", "split"]


@dataclass(frozen=True)
class Split:
    """Indices of the samples in each set: ``train`` to learn from, ``valid`` to choose by, ``test`` to report, once."""

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray


def split(target: np.ndarray, seed: int) -> Split:
    """60 % to train, 20 % to validate, 20 % to test, each with the classes in equal shares; drawn anew for every seed."""
    every = np.arange(len(target))
    train, rest = train_test_split(every, train_size=0.6, stratify=target, random_state=seed)
    valid, test = train_test_split(rest, test_size=0.5, stratify=target[rest], random_state=seed)
    return Split(np.sort(train), np.sort(valid), np.sort(test))
