"""Spoken digits by a voice never heard: what delays, and learning them, add to a small spiking network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import numpy as np

from ranvier.data import ChannelShift, TimeMask, TimeShift, load
from ranvier.data.formats.sound_file import read_sound
from ranvier.data.formats.spoken_words import named_words
from ranvier.errors import RanvierError
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.form.source import Stamp, stamp
from ranvier.recipes.parts.delay_networks import Shape
from ranvier.recipes.parts.delay_task import CHOSEN, CONTROLS, EXPECTED, MEASURES, METHODS, Task, measured
from ranvier.recipes.parts.gathered import Gathered, gathered, whole
from ranvier.recipes.parts.log_mel import log_mel
from ranvier.recipes.parts.split import Split
from ranvier.recipes.parts.spoken_digits import EAR, Hearing

__all__ = ["Settings", "folds", "recipe", "run", "task"]

_STEPS = 70
_SHAPE = Shape(inputs=EAR.channels, classes=10, hidden=96, dt=10.0, tau=20.0, tau_out=100.0, longest=200.0)


@dataclass(frozen=True)
class Settings:
    """Of the words and of training."""

    epochs: int = 20
    """Passes over the training words."""
    words: int = 500
    """Of each speaker at most."""


@lru_cache(maxsize=1)
def task(data: Path | None, version: Stamp, folder: Path, s: Settings) -> Task:
    """Words of the set as spikes; the words in ``data`` are tested where it is given."""
    words = _words(data, version, s.words)
    clips = [clip.numpy() for clip in words.items]
    mark = sha256(f"{EAR}{s.words}".encode() + b"".join(clip.tobytes() for clip in clips)).hexdigest()
    parts = whole(words, folds(words.group, words.own), "speaker")
    x = Hearing().heard(folder / f"words-{mark[:12]}.npz", clips).binned(len(clips), 10)
    plain = {"linear model": (x, 10), "log-mel": (log_mel(clips, _STEPS), 10)}
    changes = ChannelShift(6), TimeShift(5), TimeMask(10)
    return Task(x, words.y, parts, _SHAPE, plain, s.epochs, lr=5e-3, delay_rate=3.0, batch_size=50, changes=changes)


def folds(speaker: np.ndarray, own: np.ndarray) -> dict[str, Split]:
    """A fold for each test speaker; ``own`` says which words belong to the set itself.

    Without further speakers each of the set's own is the test set once, the next validates, and the others are learnt from.
    Further speakers are all tested; the first of the set's own validates.

    Raises
    ------
    RanvierError
        Where a further speaker has the name of one of the set's own.
    """
    names, further = np.unique(speaker[own]), np.unique(speaker[~own])
    if shared := sorted({*names} & {*further}):
        raise RanvierError(
            f"the split leaks: speaker '{shared[0]}' is in the set that is learnt from; leave the speaker out, or rename another of that name."
        )
    tests = further if len(further) else names
    parts = {}
    for k, test in enumerate(tests):
        valid = names[0] if len(further) else names[(k + 1) % len(names)]
        learn = own & ~np.isin(speaker, [test, valid])
        parts[str(test)] = Split(*map(np.flatnonzero, (learn, own & (speaker == valid), speaker == test)))
    return parts


@lru_cache(maxsize=1)
def _words(data: Path | None, version: Stamp, most: int) -> Gathered:
    """Words of the set, at most so many of a speaker, and all in ``data``."""
    words = gathered(load("fsdd"))
    if data is not None:
        place = data / "fsdd" / "recordings"
        paths, digits, speakers = named_words(place)
        items = [read_sound(path, rate=8000) for path in paths]
        words = words.tested_on(items, digits, speakers, "recording", place)
    own = [_few(np.flatnonzero(words.own & (words.group == name)), most) for name in np.unique(words.group[words.own])]
    return words.take(np.concatenate([*own, np.flatnonzero(~words.own)]))


def _few(numbers: np.ndarray, words: int) -> np.ndarray:
    """At most so many, evenly spaced."""
    return numbers[np.unique(np.linspace(0, len(numbers) - 1, min(words, len(numbers))).round().astype(int))]


def groups(data: Path | None, settings: Settings) -> Sequence[str]:
    """The speakers that are tested."""
    words = _words(data, stamp(data), settings.words)
    return list(folds(words.group, words.own))


def measure(case: Case) -> Mapping[str, float]:
    """One arm on one test speaker."""
    return measured(task(case.data, stamp(case.data), case.folder, case.settings), case)


recipe = Recipe(
    name="spoken_digits",
    title="Delays and spoken digits",
    papers=["S048"],
    citation="Hammouamri, Khalfaoui-Hassani & Masquelier, ICLR 2024 (learnt delays); Jackson et al., Free Spoken Digit Dataset 2018 (the data)",
    claim="Delays help a spiking network without recurrence to recognise words of a voice that it never heard, more than recurrence does, and learning them adds to "
    "having them.",
    data="Real: 2,000 words by four speakers, 500 of each; each speaker is the test set once, the next in the alphabet validates, the other two are learnt from.",
    scale="96 hidden cells, 128 channels and delays up to 200 ms; the paper has 700 channels and two layers of 256 cells.",
    chosen="The front end has the constants of its source and nothing chosen on words. "
    + CHOSEN.format(unit="speaker", where="words of jackson and yweweler"),
    methods=METHODS,
    baselines={
        "linear model": "logistic regression on the spikes, in ten stretches of time, with the same augmentation",
        "log-mel": "logistic regression on log-mel spectra, in the same stretches and with the same augmentation",
    },
    controls=CONTROLS,
    measures=MEASURES,
    seeds=(0, 1, 2),
    settings=Settings(),
    quick={"epochs": 1, "words": 4, "seeds": (0,)},
    expected=[
        *EXPECTED,
        Expect("learned delays beat recurrence", ("learned delays", "accuracy"), ">", ("recurrent", "accuracy")),
        Expect(
            "learned delays beat the plain classifier of spectra",
            ("learned delays", "accuracy"),
            ">",
            ("log-mel", "accuracy"),
            decides=False,
        ),
    ],
    minutes=14,
    measure=measure,
    unit="speaker",
    groups=groups,
    overlap=1 / 2,
    takes="fsdd/recordings/DIGIT_SPEAKER_TAKE.wav (8,000 samples a second), speakers who are tested by networks that learnt from the set",
    notes=[
        "Words are moved by up to 6 channels and 50 ms and lose up to 100 ms, for networks and baselines alike (a baseline learns from four changed copies "
        "of each word beside the word itself). Operations are spikes times fan-out.",
        "A first run on half of the words decided nothing; the number of words was then doubled once, and nothing else was changed.",
    ],
)
run = recipe.run
