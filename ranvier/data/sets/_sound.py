"""Spoken words: sound [samples], float32 from -1 to 1, with the speaker of each."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from ranvier.data._card import Card
from ranvier.data._columns import checked_labels, checked_offsets, checked_whole
from ranvier.data._places import find, verified
from ranvier.data._samples import Samples, Splits
from ranvier.data.division import by_group
from ranvier.data.formats.sound_file import Clips, read_sound
from ranvier.data.formats.spoken_words import named_words
from ranvier.data.request import Request
from ranvier.errors import FileFormatError
from ranvier.limits import content, plain_file, read_npz

__all__ = ["fsdd", "speech_commands"]

_FSDD = Card(
    "fsdd", "spoken digits, 8 kHz", "CC BY-SA 4.0", "Jackson et al., Free Spoken Digit Dataset, doi:10.5281/zenodo.1342401 (2018)",
    "github.com/Jakobovski/free-spoken-digit-dataset", tuple("0123456789"),
    "by speaker: one of four to test, one to validate, two to learn from",
)  # fmt: skip
_FSDD_PIN = "47fb01e6451d40fd4b1b41f87fe6f8addec54b5b90e408143f20aa2dddd9182e"
_WORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
_COMMANDS = Card(
    "speech_commands", "one-second commands, 16 kHz", "CC BY 4.0", "Warden, arXiv:1804.03209 (2018)",
    "the Speech Commands data set, version 0.02", _WORDS,
    "by speaker: the set's own lists where it comes with them, else 60/20/20 of the speakers",
)  # fmt: skip
_CLIPS_PIN = "8547a8d435921d4cf12736bdb57d325c6ec34e9e97c95a56a7b00d1c40e5b3de"


def fsdd(request: Request) -> Splits:
    """FSDD: one file ``fsdd.npz``, or the repository's folder ``recordings`` of wav files (which has no pin)."""
    place = next((root / "fsdd" for root in request.roots if os.path.isdir(root / "fsdd" / "recordings")), None)
    if place is not None:
        return _recordings(place / "recordings")
    (path,) = request.files(_FSDD, {"fsdd.npz": _FSDD_PIN})
    found = read_npz(path, ["audio", "offsets", "label", "speaker", "speakers"])
    audio, names = checked_whole(found["audio"], path), found["speakers"]
    label = checked_labels(found["label"], 10, path)
    speaker = checked_labels(found["speaker"], len(names) if names.ndim == 1 else 0, path)
    offsets = checked_offsets(found["offsets"], len(label), len(audio), path)
    if len(speaker) != len(label):
        raise FileFormatError(f"{path} holds {len(label)} labels and {len(speaker)} speakers: fetch it again.")
    get = lambda i: torch.from_numpy(audio[offsets[i] : offsets[i + 1]].astype(np.float32) / 32768)  # noqa: E731
    return _by_speaker(_FSDD, get, label, names[speaker], (0.25, 0.25))


def _recordings(folder: Path) -> Splits:
    paths, labels, speakers = named_words(folder)
    return _by_speaker(_FSDD, lambda i: read_sound(paths[i], rate=8000), labels, speakers, (0.25, 0.25))


def speech_commands(request: Request) -> Splits:
    """Ten words: the official folders ``<word>/<speaker>_nohash_<n>.wav``, or a ``clips.zip`` of the same in FLAC."""
    folder = next((r / "speech_commands" for r in request.roots if os.path.isdir(r / "speech_commands" / "yes")), None)
    if folder is not None:
        paths = sorted(p for word in _WORDS for p in (folder / word).glob("*_nohash_*.*"))
        names, get = [f"{p.parent.name}/{p.name}" for p in paths], lambda i: read_sound(paths[i], rate=16000)
    else:
        place = find(
            ["clips.zip"], [root / "speech_commands" for root in request.roots], "speech_commands", _COMMANDS.source
        )
        path = verified(place / "clips.zip", _CLIPS_PIN) if request.verify else place / "clips.zip"
        names = sorted(n for n in _names(path) if n.split("/")[0] in _WORDS and "_nohash_" in n)
        get = Clips(path, names, rate=16000)

    label = np.array([_WORDS.index(n.split("/")[0]) for n in names])
    speaker = np.array([n.split("/")[1].split("_")[0] for n in names])
    lists = None if folder is None else [folder / f"{part}_list.txt" for part in ("validation", "testing")]
    if lists is None or not all(path.is_file() for path in lists):
        return _by_speaker(_COMMANDS, get, label, speaker, (0.2, 0.2))
    valid, test = (np.isin(names, _words(path)) for path in lists)
    every = Samples(get, np.arange(len(names)), label, speaker)
    return Splits(every.take(~(valid | test)), every.take(valid), every.take(test), _COMMANDS)


def _words(path: Path) -> list[str]:
    return content(path, 20).decode("utf-8", "replace").split()


def _names(path: Path) -> list[str]:
    """The entries of an archive of clips."""
    try:
        with zipfile.ZipFile(plain_file(path)) as archive:
            return archive.namelist()
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        raise FileFormatError(f"{path} is not an archive that can be read ({error}): fetch it again.") from error


def _by_speaker(
    card: Card, get: Callable[[int], torch.Tensor], label: np.ndarray, speaker: np.ndarray, shares: tuple[float, float]
) -> Splits:
    every = Samples(get, np.arange(len(label)), label.astype(np.int64), speaker)
    train, valid, test = (every.take(mask) for mask in by_group(speaker, shares, card.name))
    return Splits(train, valid, test, card)
