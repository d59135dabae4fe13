"""Data that ports learn from: the small digits of scikit-learn, and MNIST and N-MNIST from the folder of data sets.

``folder(name)`` gives the folder of a set, as the fixture ``data_folder`` does.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import Tensor

import ranvier as rv
from ranvier.units import Hz, ms
from tests.peers.port import Samples

__all__ = ["digits", "mnist", "moving_digits", "nmnist"]

Folder = Callable[[str], Path]


def digits(train: int = 1078, test: int = 359, zoom: int = 1) -> Samples:
    """Images of ten digits from 0 to 1, every pixel ``zoom`` times as wide: x [S, 1, 8 zoom, 8 zoom]."""

    def wide(image: Tensor) -> Tensor:
        return image[None].repeat_interleave(zoom, 1).repeat_interleave(zoom, 2)

    return _few(rv.data.load("digits", transform=wide), train, test)


def moving_digits(train: int = 384, test: int = 128, steps: int = 10) -> Samples:
    """The digits before a simulated camera in saccades: x [S, T, 2, 22, 22]."""
    still, camera = digits(train, test), rv.encoding.EventCamera(spread=0, leak=0 * Hz)

    def events(x: Tensor) -> Tensor:
        return camera(rv.encoding.saccades(x[:, 0], steps), dt=1 * ms).clamp(max=1).transpose(0, 1)

    return Samples(events(still.x), still.y, events(still.x_test), still.y_test)


def mnist(folder: Folder, train: int = 1000, test: int = 500) -> Samples:
    """Images of ten digits from 0 to 1: x [S, 1, 28, 28]. All are of MNIST's test set, divided anew."""
    sets = rv.data.load("mnist_t10k", folder=folder("mnist_t10k").parent, transform=lambda image: image[None])
    return _few(sets, train, test)


def nmnist(folder: Folder, steps: int = 10, train: int = 639, test: int = 161) -> Samples:
    """Events of ten digits before a camera: x [S, T, 2, 34, 34] counts in ``steps`` steps; the test is of the training files."""
    bins = rv.data.Bins(steps=steps, dt=300 / steps * ms, binary=False)
    sets = rv.data.load("nmnist_small", folder=folder("nmnist_small").parent, transform=bins)
    return _few(sets, train, test, valid=True)


def _few(sets: rv.data.Splits, train: int, test: int, valid: bool = False) -> Samples:
    score = sets.valid if valid else sets.test
    return Samples(*sets.train.take(range(train)).tensors(), *score.take(range(test)).tensors())
