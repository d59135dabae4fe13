"""Digits before an event camera: what delays, and learning them, add to a small spiking network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from ranvier.data import Bins, load
from ranvier.data.formats.nmnist import read_nmnist
from ranvier.errors import RanvierError
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.form.source import Stamp, stamp
from ranvier.recipes.parts.delay_networks import Shape
from ranvier.recipes.parts.delay_task import CHOSEN, CONTROLS, EXPECTED, MEASURES, METHODS, Task, measured
from ranvier.recipes.parts.gathered import gathered, rotated, whole
from ranvier.units import ms

__all__ = ["Settings", "recipe", "run", "task"]

_SHAPE = Shape(inputs=578, classes=10, hidden=256, dt=10.0, tau=20.0, tau_out=100.0, longest=150.0)


@dataclass(frozen=True)
class Settings:
    """Of training."""

    epochs: int = 15
    """Passes over the training recordings."""
    folds: int = 5
    """Parts of the recordings, each of which is the test set once."""
    samples: int = 850
    """Recordings, of which there are 850."""


@lru_cache(maxsize=1)
def task(data: Path | None, version: Stamp, s: Settings) -> Task:
    """Recordings in 30 steps of 10 ms, two by two pixels joined, at most one spike per step; those in ``data`` are tested."""
    bins = Bins(30, 10 * ms, pool=2, binary=True)
    sets = load("nmnist_small", transform=lambda events: bins(events).flatten(1))
    seen = gathered(sets)
    if data is not None:
        seen = seen.take(np.arange(len(sets.train) + len(sets.valid)))  # the others are of N-MNIST's test set
        paths = sorted((data / "NMNIST" / "Test").glob("[0-9]/*.bin"))
        if not paths:
            raise RanvierError(
                f"there is no {str(data / 'NMNIST' / 'Test')!r}/DIGIT/*.bin, a recording of a digit before the camera."
            )
        items = [bins(read_nmnist(path, (34, 34))).flatten(1) for path in paths]
        target = np.array([int(path.parent.name) for path in paths], int)
        seen = seen.tested_on(items, target, np.arange(len(paths)), "recording", data / "NMNIST" / "Test")
    own, further = np.flatnonzero(seen.own), np.flatnonzero(~seen.own)
    seen = seen.take(np.concatenate([_few(own, s.samples), further]))
    place = np.empty(len(seen.target), int)
    for own in (seen.own, ~seen.own):
        for label in np.unique(seen.target):  # every fold holds each class alike
            these = np.flatnonzero(own & (seen.target == label))
            place[these] = np.arange(len(these)) % s.folds
    parts = whole(seen, rotated(place, seen.own, s.folds))
    x = torch.stack(list(seen.items)).float()
    return Task(x, seen.y, parts, _SHAPE, {"linear model": (x, 3)}, s.epochs, lr=6e-3, delay_rate=6.0, batch_size=50)


def _few(numbers: np.ndarray, samples: int) -> np.ndarray:
    """At most so many, evenly spaced."""
    return numbers[np.unique(np.linspace(0, len(numbers) - 1, min(samples, len(numbers))).astype(int))]


def groups(data: Path | None, settings: Settings) -> Sequence[str]:
    """The parts of the recordings."""
    return list(task(data, stamp(data), settings).folds)


def measure(case: Case) -> Mapping[str, float]:
    """One arm on one part of the recordings."""
    return measured(task(case.data, stamp(case.data), case.settings), case)


recipe = Recipe(
    name="event_digits",
    title="Delays and digits before an event camera",
    papers=["S048"],
    citation="Hammouamri, Khalfaoui-Hassani & Masquelier, ICLR 2024 (learnt delays); Orchard et al., Frontiers in Neuroscience 2015 (the data)",
    claim="Delays help a spiking network without recurrence to tell digits before a moving event camera apart, more than recurrence does, and learning them adds to "
    "having them.",
    data="Real: 850 recordings of N-MNIST, cross-validated: a fifth to test, a fifth to choose by, three to learn from.",
    scale="256 hidden cells, 17 x 17 x 2 pixels, delays up to 150 ms; the paper has no event camera.",
    chosen=CHOSEN.format(unit="fold", where="validation recordings of one fold"),
    methods=METHODS,
    baselines={"linear model": "logistic regression on the events, in three stretches of time"},
    controls=CONTROLS,
    measures=MEASURES,
    seeds=(0, 1, 2),
    settings=Settings(),
    quick={"epochs": 1, "folds": 3, "samples": 60, "seeds": (0,)},
    expected=[
        *EXPECTED,
        Expect("learned delays beat recurrence", ("learned delays", "accuracy"), ">", ("recurrent", "accuracy")),
        Expect(
            "learned delays beat the linear model",
            ("learned delays", "accuracy"),
            ">",
            ("linear model", "accuracy"),
            decides=False,
        ),
    ],
    minutes=9,
    measure=measure,
    unit="fold",
    groups=groups,
    overlap=1 / 3,
    takes="NMNIST/Test/DIGIT/*.bin (recordings as N-MNIST stores them), which are tested by networks that learnt from recordings of N-MNIST's training set",
    notes=["No arm has augmentation. Operations are spikes times fan-out."],
)
run = recipe.run
