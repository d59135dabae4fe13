"""Digits before an event camera: what delays, and learning them, add to a small spiking network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ranvier.data import Bins, load
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.delay_networks import Shape
from ranvier.recipes.parts.delay_task import CONTROLS, EXPECTED, MEASURES, METHODS, Task, gathered, measured, rotated
from ranvier.units import ms

__all__ = ["Settings", "recipe", "run", "task"]

_SHAPE = Shape(inputs=578, classes=10, hidden=96, dt=10.0, tau=20.0, tau_out=100.0, longest=150.0)


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
def task(data: Path | None, epochs: int, folds: int, samples: int) -> Task:
    """Recordings in 30 steps of 10 ms, two by two pixels joined, at most one spike per step."""
    bins = Bins(30, 10 * ms, pool=2, binary=True)
    items, y, _ = gathered(load("nmnist_small", folder=data, transform=lambda events: bins(events).flatten(1)))
    kept = np.linspace(0, len(y) - 1, min(samples, len(y))).astype(int)
    x, y = torch.stack([items[k] for k in kept]).float(), y[kept]
    place = np.empty(len(y), int)
    for label in np.unique(y):  # every fold holds each class alike
        own = np.flatnonzero(y == label)
        place[own] = np.arange(len(own)) % folds
    return Task(
        x,
        torch.from_numpy(y),
        rotated(place, folds),
        _SHAPE,
        {"linear model": (x, 3)},
        epochs,
        lr=2e-3,
        delay_rate=2.0,
        batch_size=50,
    )


def groups(data: Path | None, settings: Any) -> Sequence[str]:
    """The parts of the recordings."""
    return [str(k + 1) for k in range(settings.folds)]


def measure(case: Case) -> Mapping[str, float]:
    """One arm on one part of the recordings."""
    s = case.settings
    return measured(task(case.data, s.epochs, s.folds, s.samples), case)


recipe = Recipe(
    name="event_digits",
    title="Delays and digits before an event camera",
    papers=["S048"],
    citation="Hammouamri, Khalfaoui-Hassani & Masquelier, ICLR 2024 (learnt delays); Orchard et al., Frontiers in Neuroscience 2015 (the data)",
    claim="Delays help a spiking network to tell digits before a moving event camera apart, and learning them adds to having them.",
    data="Real: 850 recordings of N-MNIST, cross-validated: a fifth to test, a fifth to choose by, three to learn from.",
    scale="96 hidden cells, 17 x 17 x 2 pixels, delays up to 150 ms; the paper has no event camera.",
    chosen="Settings of the networks were chosen on validation recordings of one fold; the strength of the baseline on each fold's own.",
    methods=METHODS,
    baselines={"linear model": "logistic regression on the events, in three stretches of time"},
    controls=CONTROLS,
    measures=MEASURES,
    seeds=(0, 1, 2),
    settings=Settings(),
    quick={"epochs": 1, "folds": 3, "samples": 60, "seeds": (0,)},
    expected=[
        *EXPECTED,
        Expect(
            "learned delays beat the linear model", ("learned delays", "accuracy"), ">", ("linear model", "accuracy")
        ),
    ],
    minutes=15,
    measure=measure,
    unit="fold",
    groups=groups,
    notes=[
        "No arm has augmentation. Operations are spikes times fan-out. Folds share training recordings, so that p is a little too small."
    ],
)
run = recipe.run
