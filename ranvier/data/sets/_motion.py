"""Motion of people: stretches of inertial recordings of a watch."""

from __future__ import annotations

import numpy as np
import torch

from ranvier.data._card import Card
from ranvier.data._columns import checked_labels, checked_offsets
from ranvier.data._samples import Samples, Splits
from ranvier.data.division import by_group
from ranvier.data.request import Request
from ranvier.errors import FileFormatError
from ranvier.limits import read_npz

__all__ = ["har_phone_watch"]

_CARD = Card(
    "har_phone_watch", "2 s of a watch on the wrist: three accelerations in m/s^2 and three turns in rad/s, about 100 a second", "CC BY 4.0",
    "Matey-Sanz, Casteleyn & Granell, Data in Brief (2023)", "github.com/GeoTecINIT/sp-sw-har-dataset",
    ("seated", "standing up", "walking", "turning", "sitting down"), "by person: a fifth of 17 to test, a fifth to validate",
)  # fmt: skip
_PIN = {"har.npz": "1180473b9952d5da94c58243bbd948332df1df3fe8e5c3070547d4fccebb50e5"}
#: samples of a stretch, and between the beginnings of two
_LENGTH, _EVERY = 200, 100


def har_phone_watch(request: Request) -> Splits:
    """Stretches [200, 6] with the activity that fills most of each; the person is the group."""
    (path,) = request.files(_CARD, _PIN)
    names = ["signal", "scale", "label", "offsets", "subject", "is_watch"]
    signal, scale, label, offsets, subject, is_watch = (read_npz(path, names)[n] for n in names)
    if signal.ndim != 2 or signal.shape[1] != 6 or signal.dtype != np.int16 or is_watch.dtype != bool or scale.shape:
        raise FileFormatError(f"{path} holds no motion: signals [N, 6] of whole numbers are expected; fetch it again.")
    label, offsets = checked_labels(label, 5, path), checked_offsets(offsets, len(subject), len(signal), path)
    if len(label) != len(signal) or len(is_watch) != len(subject):
        raise FileFormatError(f"{path}: labels or recordings do not fit the signals; fetch it again.")
    recordings = np.flatnonzero(is_watch)
    starts = [np.arange(offsets[k], offsets[k + 1] - _LENGTH + 1, _EVERY) for k in recordings]
    person = np.repeat(subject[recordings], [len(s) for s in starts]).astype(np.int64)
    start = np.concatenate(starts)
    most = np.array([np.bincount(label[s : s + _LENGTH]).argmax() for s in start])
    get = lambda i: torch.from_numpy(signal[start[i] : start[i] + _LENGTH] * np.float32(scale))  # noqa: E731
    every = Samples(get, np.arange(len(start)), most.astype(np.int64), person)
    train, valid, test = (every.take(mask) for mask in by_group(person, (0.2, 0.2), _CARD.name))
    return Splits(train, valid, test, _CARD)
