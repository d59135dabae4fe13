"""Muscle signals of gestures of the wrist."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch

from ranvier.data._card import Card
from ranvier.data._columns import checked_labels, checked_offsets
from ranvier.data._samples import Samples, Splits
from ranvier.data.request import Request
from ranvier.errors import FileFormatError
from ranvier.limits import read_npz

__all__ = ["emg_gestures"]

_STEPS = 80
_CARD = Card(
    "emg_gestures", "rest and seven gestures of the wrist, 8 electrodes around the forearm, 0.4 s at 200 Hz", "MIT",
    "Frančič, myo-readings-dataset (2022)", "github.com/aljazfrancic/myo-readings-dataset",
    ("rest", *(f"gesture {k}" for k in range(1, 8))), "the first session of each of four people to learn from, the second to validate, the third to test",
)  # fmt: skip


def emg_gestures(request: Request) -> Splits:
    """Windows [80, 8] of one gesture each, in units of the electrodes' full scale; the group is a session of a person, and person = group // 3."""
    pin = {"emg.npz": "3e5042d48263cad255a62a75a55a25f92cb369c6871e9ba9f487572f5b21e7ed"}
    (path,) = request.files(_CARD, pin)
    found = read_npz(path, ["emg", "label", "offsets", "participant", "session"])
    emg, label = found["emg"], checked_labels(found["label"], len(_CARD.classes), path)
    person, session = found["participant"], found["session"]
    offsets = checked_offsets(found["offsets"], len(person), len(emg), path)
    if emg.ndim != 2 or emg.dtype != np.int8 or not len(session) == len(person) or len(label) != len(emg):
        raise FileFormatError(f"{path} holds no signals [samples, 8] in bytes with a label each: fetch it again.")
    starts = np.concatenate([np.arange(a, b - _STEPS + 1, _STEPS) for a, b in pairwise(offsets)])
    pure = np.array([label[s] == label[s : s + _STEPS] for s in starts]).all(1)
    starts = starts[pure]
    file = np.searchsorted(offsets, starts, "right") - 1
    get = lambda i: torch.from_numpy(emg[i : i + _STEPS].astype(np.float32) / 128)  # noqa: E731
    rank = np.zeros(len(person), np.int64)  # of the session among those of its person
    for one in np.unique(person):
        own = person == one
        rank[own] = np.unique(session[own], return_inverse=True)[1]
    if set(rank) != {0, 1, 2}:
        raise FileFormatError(f"{path} holds no three sessions of each person: fetch it again.")
    group = np.unique(person, return_inverse=True)[1] * 3 + rank
    every = Samples(get, starts, label[starts].astype(np.int64), group[file])
    train, valid, test = (every.take(rank[file] == k) for k in range(3))
    return Splits(train, valid, test, _CARD)
