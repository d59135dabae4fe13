"""Series and events in numpy files: Braille touches, a small N-MNIST, Japanese vowels."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import numpy as np
import torch

from ranvier.data._bins import Bins
from ranvier.data._card import Card
from ranvier.data._columns import checked_labels, checked_offsets, checked_whole
from ranvier.data._events import Events
from ranvier.data._places import find
from ranvier.data._samples import Samples, Splits
from ranvier.data.division import divide
from ranvier.data.request import Request
from ranvier.errors import FileFormatError
from ranvier.limits import content, read_npz
from ranvier.units import ms

__all__ = ["braille_touch", "japanese_vowels", "nmnist_small"]

_BRAILLE = Card(
    "braille_touch", "27 Braille letters under a finger of 12 taxels, 76 steps", "CC BY 4.0",
    "Müller-Cleve et al., Frontiers in Neuroscience 16, 951164 (2022), doi:10.5281/zenodo.6556273", "github.com/fzenke/spytorch",
    (" ", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ"), "by repetition: 0-20 to learn from, 21-27 to validate, 28-34 to test",
)  # fmt: skip
_SMALL = Card(
    "nmnist_small", "850 of the N-MNIST recordings, 34 x 34 pixels", "CC BY-SA 4.0", "Orchard et al., Frontiers in Neuroscience 9, 437 (2015)",
    "github.com/bamsumit/slayerPytorch", tuple("0123456789"), "the 50 of N-MNIST's own test set; a fifth of each class of the rest for validation",
)  # fmt: skip
_VOWELS = Card(
    "japanese_vowels", "two vowels by nine speakers, 12 cepstral coefficients, up to 29 steps", "CC BY 4.0",
    "Kudo, Toyama & Shimbo, Pattern Recognition Letters 20, 1103 (1999)", "the UCR/UEA archive, or the package sktime",
    tuple("123456789"), "the set's own test half; a fifth of each class of the other for validation",
)  # fmt: skip
_VOWEL_FILES = ("JapaneseVowels_TRAIN.ts", "JapaneseVowels_TEST.ts")


def braille_touch(request: Request) -> Splits:
    """Touches [76, 12] from 0 to 1; the repetition is the group."""
    pin = {"braille.npz": "7cc4f735953cdae3f981a05df6e390591472d5e3532299770895321cd00baa5a"}
    (path,) = request.files(_BRAILLE, pin)
    found = read_npz(path, ["x", "label", "repetition"])
    x, label, repetition = found["x"], checked_labels(found["label"], len(_BRAILLE.classes), path), found["repetition"]
    if x.ndim != 3 or x.dtype != np.uint8 or not len(x) == len(label) == len(checked_whole(repetition, path)):
        raise FileFormatError(
            f"{path} holds no touches [S, T, C] in bytes, each with a label and a repetition: fetch it again."
        )
    get = lambda i: torch.from_numpy(x[i].astype(np.float32) / 255)  # noqa: E731
    every = Samples(get, np.arange(len(x)), label.astype(np.int64), repetition)
    valid = (repetition >= 21) & (repetition < 28)
    return Splits(every.take(repetition < 21), every.take(valid), every.take(repetition >= 28), _BRAILLE)


def nmnist_small(request: Request) -> Splits:
    """Events of (2, 34, 34) over 300 ms; in 30 bins of 10 ms unless another transform is given."""
    pins = {
        "train.npz": "33dec8107036820e113eda67d92984fe9bf76d4f6f224507bdf0f4e8e58826f9",
        "test.npz": "cd53f7075a63ca4074b0125267c1308b133fd57beaf448f9f5a035fe0aa8cb3a",
    }
    learn, test = (_recordings(path) for path in request.files(_SMALL, pins))
    train, valid = divide(learn.target, (0.8,), _SMALL.name)
    return Splits(learn.take(train), learn.take(valid), test, _SMALL)


def _recordings(path: Path) -> Samples:
    names = ("t_us", "x", "y", "p")
    found = read_npz(path, [*names, "offsets", "label"])
    t, x, y, p = (checked_whole(found[name], path) for name in names)
    label = checked_labels(found["label"], 10, path)
    offsets = checked_offsets(found["offsets"], len(label), len(t), path)
    if not len(t) == len(x) == len(y) == len(p):
        raise FileFormatError(f"{path} holds columns t_us, x, y and p of different lengths: fetch it again.")

    def get(i: int) -> Events:
        own = slice(offsets[i], offsets[i + 1])
        return Events.from_columns(t[own], x[own], y[own], p[own], 34, 34)

    return Samples(get, np.arange(len(label)), label, transform=Bins(30, 10 * ms))


def japanese_vowels(request: Request) -> Splits:
    """Series [29, 12], shorter ones followed by 0."""
    installed = importlib.util.find_spec("sktime")
    inside = (
        [Path(p) / "datasets" / "data" / "JapaneseVowels" for p in (installed.submodule_search_locations or ())]
        if installed
        else []
    )
    place = find(_VOWEL_FILES, [*(r / "japanese_vowels" for r in request.roots), *inside], _VOWELS.name, _VOWELS.source)
    learn, test = (_vowels(place / file) for file in _VOWEL_FILES)
    train, valid = divide(learn.target, (0.8,), _VOWELS.name)
    return Splits(learn.take(train), learn.take(valid), test, _VOWELS)


def _vowels(path: Path) -> Samples:
    series, labels = read_ts(path)
    if any(s.shape[1] != 12 or len(s) > 29 for s in series):
        raise FileFormatError(f"{path}: expected series of 12 coefficients and at most 29 steps")
    if not set(labels) <= set(_VOWELS.classes):
        raise FileFormatError(
            f"{path}: expected labels from 1 to 9, found {sorted(set(labels) - set(_VOWELS.classes))[0][:50]!r}"
        )
    padded = torch.zeros(len(series), 29, 12)
    for row, one in zip(padded, series, strict=True):
        row[: len(one)] = torch.from_numpy(one)
    return Samples(lambda i: padded[i], np.arange(len(series)), np.array(labels, np.int64) - 1)


def read_ts(path: Path) -> tuple[list[np.ndarray], list[str]]:
    """Series [T, C] and labels of a ``.ts`` file: one case per line, channels parted by ``:``, values by ``,``."""
    try:
        head, mark, body = content(path, 20).decode("utf-8").partition("@data")
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{path} is not text (byte {error.start}); fetch it again") from error
    lines = [line for line in body.splitlines() if line.strip()]
    if not mark or not lines or not re.search(r"@classlabel\s+true", head, re.IGNORECASE):
        raise FileFormatError(f"{path} is no .ts file with class labels and data; fetch it again")
    series, labels = [], []
    for number, line in enumerate(lines, 1):
        *channels, label = line.strip().split(":")
        try:
            values = [np.array([float(v) for v in channel.split(",")], np.float32) for channel in channels]
            series.append(np.stack(values, 1))
        except ValueError as error:
            raise FileFormatError(f"{path}, case {number}: {str(error)[:200]}; fetch it again") from error
        if not np.isfinite(series[-1]).all():
            raise FileFormatError(f"{path}, case {number}: a value is not finite; fetch it again")
        labels.append(label.strip())
    return series, labels
