"""The Heidelberg sets: spikes of a model cochlea in HDF5 files, read once, in a separate process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ranvier.data._bins import Bins
from ranvier.data._card import Card
from ranvier.data._errors import DataError
from ranvier.data._events import Events
from ranvier.data._fetch import located
from ranvier.data._places import optional
from ranvier.data._samples import Samples, Splits
from ranvier.data.division import held_out
from ranvier.data.request import Request
from ranvier.errors import FileFormatError
from ranvier.limits import guarded, own_dataset
from ranvier.units import ms

__all__ = ["columns", "shd", "ssc"]

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
_CHANNELS, _TOGETHER = 700, 512


def shd(request: Request) -> Splits:
    """Events of (700,); 100 bins of 10 ms unless another transform is given."""
    learn, test = (
        located("SHD", f"shd_{part}.h5", request, _SHD, train=part == "train") / f"shd_{part}.h5"
        for part in ("train", "test")
    )
    rest, exam = _samples(learn, _SHD), _samples(test, _SHD)
    valid = held_out(rest.group, 0.2, "shd")  # pyright: ignore[reportArgumentType]
    return Splits(rest.take(~valid), rest.take(valid), exam, _SHD)


def ssc(request: Request) -> Splits:
    """Events of (700,); 100 bins of 10 ms unless another transform is given."""
    parts = ("train", "valid", "test")
    paths = [located("SSC", f"ssc_{part}.h5", request, _SSC, split=part) / f"ssc_{part}.h5" for part in parts]
    train, valid, test = (_samples(path, _SSC) for path in paths)
    return Splits(train, valid, test, _SSC)


def _samples(path: Path, card: Card) -> Samples:
    try:
        found = guarded(f"{__name__}:columns", path, needs=["h5py"]).arrays
    except ModuleNotFoundError as error:
        raise DataError(optional(error.name or "h5py", card.name)) from error
    edges = np.concatenate([[0], np.cumsum(found["count"])])
    time, unit, labels = found["time"], found["unit"], found["labels"]
    if labels.size and (labels.min() < 0 or labels.max() >= len(card.classes)):
        raise FileFormatError(
            f"{path} holds labels up to {labels.max()}; there are {len(card.classes)} classes: fetch it again."
        )
    if unit.size and unit.max() >= _CHANNELS:
        raise FileFormatError(f"{path} holds spikes of channel {unit.max()}; there are {_CHANNELS}: fetch it again.")

    def get(i: int) -> Events:
        own = slice(edges[i], edges[i + 1])
        return Events.sorted(np.rint(time[own].astype(np.float64) * 1e6), unit[own], (_CHANNELS,))

    return Samples(get, np.arange(len(labels)), labels, found["speaker"], Bins(100, 10 * ms))


def columns(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """In the child process: times in s and channels of all samples, one after another, and the number of each."""
    import h5py

    with h5py.File(path, "r") as file:
        series = [own_dataset(file, f"spikes/{name}") for name in ("times", "units")]
        single = [own_dataset(file, name) for name in ("labels", "extra/speaker")]
        kinds = [h5py.check_vlen_dtype(s.dtype) for s in series]
        if any(d.ndim != 1 or len(d) != len(single[0]) for d in (*series, *single)):
            raise FileFormatError("its times, units, labels and speakers differ in number")
        if [k is not None and k.kind for k in kinds] != ["f", "u"] or any(d.dtype.kind not in "iu" for d in single):
            raise FileFormatError(
                "its times are not lists of real numbers, or its units, labels and speakers are not whole numbers"
            )
        labels, speaker = (np.asarray(d).astype(np.int64) for d in single)
        found = [[row for k in range(0, len(s), _TOGETHER) for row in s[k : k + _TOGETHER]] for s in series]
    count = np.array([len(t) for t in found[0]], np.int64)
    if any(len(t) != len(u) for t, u in zip(*found, strict=True)):
        raise FileFormatError("a sample has more times than units, or fewer")
    time, unit = (np.concatenate([np.empty(0, kind), *rows]) for kind, rows in zip(kinds, found, strict=True))
    if not np.isfinite(time).all():
        raise FileFormatError("it holds times that are not finite")
    return {"time": time, "unit": unit, "count": count, "labels": labels, "speaker": speaker}, {}
