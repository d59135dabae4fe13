"""Data that ports learn from: the small digits of scikit-learn, and MNIST and N-MNIST from the folder of data sets.

``folder(name)`` gives the folder of a set, as the fixture ``data_folder`` does.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ranvier as rv
from ranvier.units import ms
from tests.peers.port import Samples

__all__ = ["digits", "mnist", "nmnist"]

Folder = Callable[[str], Path]


def digits(train: int = 1078, test: int = 359) -> Samples:
    """Images of ten digits from 0 to 1: x [S, 1, 8, 8]."""
    return _few(rv.data.load("digits", transform=lambda image: image[None]), train, test)


def mnist(folder: Folder, train: int = 4000, test: int = 2000) -> Samples:
    """Images of ten digits from 0 to 1: x [S, 1, 28, 28]. All are of MNIST's test set, divided anew."""
    sets = rv.data.load("mnist_t10k", folder=folder("mnist_t10k").parent, transform=lambda image: image[None])
    return _few(sets, train, test)


def nmnist(folder: Folder, steps: int = 30, train: int = 639, test: int = 161) -> Samples:
    """Events of ten digits before a camera: x [S, T, 2, 34, 34] counts in ``steps`` steps; the test is of the training files."""
    bins = rv.data.Bins(steps=steps, dt=300 / steps * ms, binary=False)
    sets = rv.data.load("nmnist_small", folder=folder("nmnist_small").parent, transform=bins)
    return _few(sets, train, test, valid=True)


def _few(sets: rv.data.Splits, train: int, test: int, valid: bool = False) -> Samples:
    score = sets.valid if valid else sets.test
    return Samples(*sets.train.take(range(train)).tensors(), *score.take(range(test)).tensors())
