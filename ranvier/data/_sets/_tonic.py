"""Large event sets, read and fetched by tonic."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ranvier.data._bins import Bins
from ranvier.data._card import Card
from ranvier.data._division import divide, held_out
from ranvier.data._errors import DataError
from ranvier.data._events import Events
from ranvier.data._places import is_offline, optional
from ranvier.data._request import Request
from ranvier.data._samples import Samples, Splits
from ranvier.units import ms

__all__ = ["cifar10_dvs", "dvs_gesture", "nmnist", "shd", "ssc"]

_CRAMER = "Cramer, Stradmann, Schemmel & Zenke, IEEE TNNLS 33, 2744 (2022), doi:10.1109/TNNLS.2020.3044364"
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_GERMAN = ("null", "eins", "zwei", "drei", "vier", "fuenf", "sechs", "sieben", "acht", "neun")
_SHD = Card(
    "shd", "Spiking Heidelberg Digits: 10,420 spoken digits in two languages, 700 channels", "CC BY 4.0", _CRAMER, "zenkelab.org/datasets",
    (*_NUMBERS, *_GERMAN), "the set's own test file (two of its speakers are new); about a fifth of the training samples, of whole speakers, for validation",
)  # fmt: skip
_SSC = Card(
    "ssc", "Spiking Speech Commands: 105,829 words, 700 channels", "CC BY 4.0", _CRAMER, "zenkelab.org/datasets",
    tuple(map(str, range(35))), "the set's own three files, divided by speaker",
)  # fmt: skip
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


def shd(request: Request) -> Splits:
    """Events of (700,); 100 bins of 10 ms unless another transform is given."""
    learn, test = (_open("SHD", f"shd_{part}.h5", request, _SHD, train=part == "train") for part in ("train", "test"))
    rest, exam = (_spoken(part) for part in (learn, test))
    valid = held_out(rest.group, 0.2, "shd")  # pyright: ignore[reportArgumentType]
    return Splits(rest.take(~valid), rest.take(valid), exam, _SHD)


def ssc(request: Request) -> Splits:
    """Events of (700,); 100 bins of 10 ms unless another transform is given."""
    parts = (_open("SSC", f"ssc_{part}.h5", request, _SSC, split=part) for part in ("train", "valid", "test"))
    train, valid, test = (_spoken(part) for part in parts)
    return Splits(train, valid, test, _SSC)


def nmnist(request: Request) -> Splits:
    """Events of (2, 34, 34); 30 bins of 10 ms unless another transform is given."""
    parts = (_open("NMNIST", part, request, _NMNIST, train=part == "Train") for part in ("Train", "Test"))
    learn, test = (_seen(part, 34, Bins(30, 10 * ms)) for part in parts)
    train, valid = divide(learn.target, (0.9,), "nmnist")
    return Splits(learn.take(train), learn.take(valid), test, _NMNIST)


def dvs_gesture(request: Request) -> Splits:
    """Events of (2, 128, 128); each recording in 20 bins, 32 x 32, unless another transform is given."""
    parts = [
        _open("DVSGesture", f"ibmGesture{part}", request, _GESTURE, train=part == "Train") for part in ("Train", "Test")
    ]
    learn, test = (_seen(part, 128, Bins(20, pool=4), np.array(part.users)) for part in parts)
    valid = held_out(learn.group, 0.2, "dvs_gesture")  # pyright: ignore[reportArgumentType]
    return Splits(learn.take(~valid), learn.take(valid), test, _GESTURE)


def cifar10_dvs(request: Request) -> Splits:
    """Events of (2, 128, 128); each recording in 10 bins, 64 x 64, unless another transform is given."""
    source = _open("CIFAR10DVS", "", request, _CIFAR)
    order = sorted(range(len(source.data)), key=lambda i: source.data[i])  # tonic keeps the order of the folder
    source.data, source.targets = [source.data[i] for i in order], [source.targets[i] for i in order]
    every = _seen(source, 128, Bins(10, pool=2))
    train, valid, test = (every.take(part) for part in divide(every.target, (0.8, 0.1), "cifar10_dvs"))
    return Splits(train, valid, test, _CIFAR)


def _open(kind: str, needed: str, request: Request, card: Card, **arguments: Any) -> Any:
    """tonic's data set: from a folder that holds ``needed`` already, else fetched, if that is allowed."""
    try:
        tonic = import_module("tonic.datasets")
    except ModuleNotFoundError as error:
        raise DataError(optional(error.name or "tonic", card.name)) from error
    original = getattr(tonic, kind)
    for root in request.roots:
        if _holds(root / kind / needed):
            here = type(kind, (original,), {"_check_exists": lambda self: True, "download": _refuse})
            return here(str(root), **arguments)
    if request.download and not is_offline():
        return original(str(request.roots[0]), **arguments)
    looked = ", ".join(str(root / kind / needed) for root in request.roots)
    why = "RANVIER_OFFLINE is set" if request.download else "download=False"
    raise DataError(
        f"{card.name} is not on this machine (looked for {looked}) and may not be fetched ({why}). Put the extracted files there, or "
        f"call load({card.name!r}, download=True) with a network; from {card.source}."
    )


def _holds(place: Path) -> bool:
    """True for a file, and for a folder with any data file below it."""
    return place.is_file() or any(
        name.endswith((".bin", ".npy", ".aedat4")) for _, _, files in os.walk(place) for name in files
    )


def _refuse(self: Any) -> None:
    raise DataError(f"{self.location_on_system} is incomplete; fetch the set again")


def _spoken(source: Any) -> Samples:
    import h5py

    with h5py.File(os.path.join(source.location_on_system, source.data_filename), "r") as file:
        labels = np.asarray(file["labels"]).astype(np.int64)
        speaker = np.asarray(file["extra/speaker"])

    def get(i: int) -> Events:
        events, _ = source[i]
        return Events.sorted(np.rint(events["t"]), events["x"], (700,))

    return Samples(get, np.arange(len(labels)), labels, speaker, Bins(100, 10 * ms))


def _seen(source: Any, size: int, transform: Callable[[Events], Any], group: np.ndarray | None = None) -> Samples:
    def get(i: int) -> Events:
        events, _ = source[i]
        return Events.from_columns(events["t"], events["x"], events["y"], events["p"], size, size).from_zero()

    return Samples(get, np.arange(len(source.data)), np.array(source.targets, np.int64), group, transform)
