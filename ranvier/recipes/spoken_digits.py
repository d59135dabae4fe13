"""Spoken digits by a voice never heard: what delays, and learning them, add to a small spiking network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ranvier.data import ChannelShift, TimeMask, TimeShift, load
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.delay_networks import Shape
from ranvier.recipes.parts.delay_task import CONTROLS, EXPECTED, MEASURES, METHODS, Task, gathered, measured
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
def task(data: Path | None, folder: Path, epochs: int, words: int) -> Task:
    """Words of the set as spikes; with ``data``, the words of its speakers are the test sets."""
    clips, y, speaker, own = _words(data, words)
    mark = sha256(f"{EAR}{words}".encode() + b"".join(clip.tobytes() for clip in clips)).hexdigest()
    parts = folds(speaker, own)
    copies = np.array([sha256(clip.tobytes()).hexdigest() for clip in clips])
    for fold in parts.values():
        fold.apart(speaker, "speaker").apart(copies, "recording")
    x = Hearing().heard(folder / f"words-{mark[:12]}.npz", clips).binned(len(y), 10)
    plain = {"linear model": (x, 10), "log-mel": (log_mel(clips, _STEPS), 10)}
    changes = ChannelShift(6), TimeShift(5), TimeMask(10)
    return Task(
        x, torch.from_numpy(y), parts, _SHAPE, plain, epochs, lr=5e-3, delay_rate=3.0, batch_size=50, changes=changes
    )


def folds(speaker: np.ndarray, own: np.ndarray) -> dict[str, Split]:
    """A fold for each test speaker; ``own`` says which words belong to the set itself.

    Without further speakers each of the set's own is the test set once, the next validates, and the others are learnt from.
    Further speakers are all tested with the first of the set's own as validation.
    """
    names, further = np.unique(speaker[own]), np.unique(speaker[~own])
    tests = further if len(further) else names
    parts = {}
    for k, test in enumerate(tests):
        valid = names[0] if len(further) else names[(k + 1) % len(names)]
        learn = own & ~np.isin(speaker, [test, valid])
        held = (speaker == test) & (~own if len(further) else own)
        parts[str(test)] = Split(*map(np.flatnonzero, (learn, own & (speaker == valid), held)))
    return parts


@lru_cache(maxsize=1)
def _words(data: Path | None, words: int) -> tuple[list[np.ndarray], np.ndarray, np.ndarray, np.ndarray]:
    """Clips, digits, speakers, and whether each belongs to the set itself."""
    sources = [load("fsdd"), *([load("fsdd", folder=data)] if data is not None else [])]
    clips, labels, speakers, own = [], [], [], []
    for k, sets in enumerate(sources):
        items, y, speaker = gathered(sets)
        kept = np.concatenate([_few(np.flatnonzero(speaker == name), words) for name in np.unique(speaker)])
        clips += [items[i].numpy() for i in kept]
        labels.append(y[kept])
        speakers.append(np.asarray(speaker)[kept])
        own.append(np.full(len(kept), k == 0))
    return clips, np.concatenate(labels), np.concatenate(speakers), np.concatenate(own)


def _few(numbers: np.ndarray, words: int) -> np.ndarray:
    """At most so many, evenly spaced."""
    return numbers[np.unique(np.linspace(0, len(numbers) - 1, min(words, len(numbers))).round().astype(int))]


def groups(data: Path | None, settings: Any) -> Sequence[str]:
    """The speakers that are tested."""
    _, _, speaker, own = _words(data, settings.words)
    return list(folds(speaker, own))


def measure(case: Case) -> Mapping[str, float]:
    """One arm on one test speaker."""
    return measured(task(case.data, case.folder, case.settings.epochs, case.settings.words), case)


recipe = Recipe(
    name="spoken_digits",
    title="Delays and spoken digits",
    papers=["S048"],
    citation="Hammouamri, Khalfaoui-Hassani & Masquelier, ICLR 2024 (learnt delays); Jackson et al., Free Spoken Digit Dataset 2018 (the data)",
    claim="Delays help a spiking network without recurrence to recognise words of a voice that it never heard, and learning them adds to having them.",
    data="Real: 2,000 words by four speakers; each speaker is the test set once, the next in the alphabet validates, the other two are learnt from. "
    "--data FOLDER tests the speakers of FOLDER/fsdd/recordings/digit_speaker_take.wav instead (three or more).",
    scale="96 hidden cells, 128 channels and delays up to 200 ms; the paper has 700 channels and two layers of 256 cells.",
    chosen="The front end has the constants of its source and nothing chosen on words. Settings of the networks were chosen on the validation speakers "
    "jackson and yweweler, who are test speakers of other folds; the strength of the baselines on each fold's own validation words.",
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
        Expect("and the plain classifier of spectra", ("learned delays", "accuracy"), ">", ("log-mel", "accuracy")),
    ],
    minutes=40,
    measure=measure,
    unit="speaker",
    groups=groups,
    notes=[
        "Words are moved by up to 6 channels and 50 ms and lose up to 100 ms, for networks and baselines alike (a baseline learns from four changed copies "
        "of each word beside the word itself). Operations are spikes times fan-out."
    ],
)
run = recipe.run
