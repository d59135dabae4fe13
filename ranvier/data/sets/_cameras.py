"""Sets of event cameras (N-MNIST, gestures, CIFAR-10 in motion), in the layout of tonic."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ranvier.data._bins import Bins
from ranvier.data._card import Card
from ranvier.data._events import Events
from ranvier.data._fetch import located
from ranvier.data._readers import read_events
from ranvier.data._samples import Samples, Splits
from ranvier.data.division import divide, held_out
from ranvier.data.request import Request
from ranvier.errors import FileFormatError, ShapeError
from ranvier.limits import read_npy
from ranvier.units import ms

__all__ = ["cifar10_dvs", "dvs_gesture", "nmnist"]

_NMNIST = Card(
    "nmnist", "70,000 MNIST digits before a camera in saccades, 34 x 34", "CC BY-SA 4.0", "Orchard et al., Frontiers in Neuroscience 9, 437 (2015)",
    "data.mendeley.com/datasets/468j46mzdv", tuple("0123456789"), "the set's own test part; a tenth of each class of the rest for validation",
)  # fmt: skip
_GESTURE = Card(
    "dvs_gesture", "11 gestures by 29 subjects, 128 x 128", "CC BY 4.0", "Amir et al., CVPR, 7243 (2017)", "research.ibm.com/dvsgesture (as cut by tonic)",
    ("hand clapping", "right hand wave", "left hand wave", "right arm clockwise", "right arm counter-clockwise", "left arm clockwise",
     "left arm counter-clockwise", "arm roll", "air drums", "air guitar", "other"),
    "the set's own test subjects; about a fifth of the other samples, of whole subjects, for validation",
)  # fmt: skip
_CIFAR = Card(
    "cifar10_dvs", "10,000 CIFAR-10 images moved before a camera, 128 x 128", "CC BY 4.0", "Li et al., Frontiers in Neuroscience 11, 309 (2017)",
    "figshare.com, doi:10.6084/m9.figshare.4724671", ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    "80/10/10 within each class",
)  # fmt: skip


def nmnist(request: Request) -> Splits:
    """Events of (2, 34, 34); 30 bins of 10 ms unless another transform is given."""
    learn, test = (_digits(part, request) for part in ("Train", "Test"))
    train, valid = divide(learn.target, (0.9,), "nmnist")
    return Splits(learn.take(train), learn.take(valid), test, _NMNIST)


def _digits(part: str, request: Request) -> Samples:
    """Folders 0 to 9, each of files in the order of their names."""
    place = located("NMNIST", part, request, _NMNIST, train=part == "Train") / part
    paths = sorted(place.glob("[0-9]/*.bin"))
    target = np.array([int(path.parent.name) for path in paths], np.int64)
    return _seen([str(path) for path in paths], target, 34, Bins(30, 10 * ms))


def dvs_gesture(request: Request) -> Splits:
    """Events of (2, 128, 128); each recording in 20 bins, 32 x 32, unless another transform is given."""
    learn, test = (_gestures(part, request) for part in ("Train", "Test"))
    valid = held_out(learn.group, 0.2, "dvs_gesture")  # pyright: ignore[reportArgumentType]
    return Splits(learn.take(~valid), learn.take(valid), test, _GESTURE)


def _gestures(part: str, request: Request) -> Samples:
    """Folders ``user<number>_<light>`` of arrays [E, 4] (x, y, polarity, time in ms), each called after its class."""
    place = located("DVSGesture", f"ibmGesture{part}", request, _GESTURE, train=part == "Train") / f"ibmGesture{part}"
    named = [
        (re.fullmatch(r"user(\d{1,4})_\w+/(\d{1,2})\.npy", f"{p.parent.name}/{p.name}"), p)
        for p in place.glob("*/*.npy")
    ]
    found = sorted((str(path), int(name[1]), int(name[2])) for name, path in named if name)
    if not found or max(label for _, _, label in found) >= len(_GESTURE.classes):
        raise FileFormatError(
            f"{place} holds no files user<number>_<light>/<class>.npy with classes 0 to 10: fetch the set again."
        )
    paths, users, labels = zip(*found, strict=True)
    return _seen(list(paths), np.array(labels, np.int64), 128, Bins(20, pool=4), np.array(users))


def cifar10_dvs(request: Request) -> Splits:
    """Events of (2, 128, 128); each recording in 10 bins, 64 x 64, unless another transform is given."""
    place = located("CIFAR10DVS", "", request, _CIFAR)
    paths = sorted(str(path) for path in place.rglob("*.aedat4") if path.parent.name in _CIFAR.classes)
    target = np.array([_CIFAR.classes.index(Path(path).parent.name) for path in paths], np.int64)
    every = _seen(paths, target, 128, Bins(10, pool=2))
    train, valid, test = (every.take(part) for part in divide(every.target, (0.8, 0.1), "cifar10_dvs"))
    return Splits(train, valid, test, _CIFAR)


def _seen(
    paths: list[str], target: np.ndarray, size: int, transform: Callable[[Events], Any], group: np.ndarray | None = None
) -> Samples:
    def get(i: int) -> Events:
        path = Path(paths[i])
        return _gesture(path, size) if path.suffix == ".npy" else read_events(path, size=(size, size))

    return Samples(get, np.arange(len(paths)), target, group, transform)


def _gesture(path: Path, size: int) -> Events:
    table = read_npy(path)
    if table.ndim != 2 or table.shape[1] != 4 or table.dtype.kind not in "iuf":
        raise FileFormatError(
            f"{path} holds {table.dtype} of shape {table.shape}; expected numbers [E, 4]: fetch the set again."
        )
    try:
        x, y, on, t = table.T
        return Events.from_columns(t.astype(np.float64) * 1000, x, y, on, size, size).from_zero()
    except ShapeError as error:
        raise FileFormatError(f"{path} is damaged: {error}") from error
