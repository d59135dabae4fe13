"""Touched letters: what delays, and learning them, add to a small spiking network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from ranvier.data import load
from ranvier.encoding import delta
from ranvier.errors import RanvierError
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.form.source import Stamp, stamp
from ranvier.recipes.parts.delay_networks import Shape
from ranvier.recipes.parts.delay_task import CHOSEN, CONTROLS, EXPECTED, MEASURES, METHODS, Task, measured
from ranvier.recipes.parts.gathered import gathered, rotated, whole

__all__ = ["Settings", "recipe", "run", "task"]

_SHAPE = Shape(inputs=24, classes=27, hidden=96, dt=1.0, tau=5.0, tau_out=20.0, longest=30.0, gain=3.0)


@dataclass(frozen=True)
class Settings:
    """Of training."""

    epochs: int = 30
    """Passes over the training samples."""
    folds: int = 5
    """Parts of the repetitions, each of which is the test set once."""
    repetitions: int = 35
    """Of each letter."""


@lru_cache(maxsize=1)
def task(data: Path | None, version: Stamp, s: Settings) -> Task:
    """Touches as spikes where the pressure on a taxel moves by a fiftieth of its range; those in ``data`` are tested."""
    touches = gathered(load("braille_touch"))
    if data is not None:
        if not (path := data / "braille_touch" / "braille.npz").is_file():
            raise RanvierError(f"there is no {str(path)!r}; give x, label and repetition of touches in it.")
        more = gathered(load("braille_touch", folder=data, verify=False))
        touches = touches.tested_on(more.items, more.target, more.group, "touch", data / "braille_touch")
    touches = touches.take(np.flatnonzero(~touches.own | (touches.group < s.repetitions)))
    place = touches.group % s.folds
    parts = whole(touches, rotated(place, touches.own, s.folds))
    touched = torch.stack(list(touches.items))
    x = torch.stack([delta((1 - t)[:, None], 0.02)[:, 0].flatten(1) for t in touched]).float()
    plain = {"linear model": (x, 19), "raw taxels": (touched, 19)}
    return Task(x, touches.y, parts, _SHAPE, plain, s.epochs, lr=1e-2, delay_rate=0.3, batch_size=64)


def groups(data: Path | None, settings: Settings) -> Sequence[str]:
    """The parts of the repetitions."""
    return list(task(data, stamp(data), settings).folds)


def measure(case: Case) -> Mapping[str, float]:
    """One arm on one part of the repetitions."""
    return measured(task(case.data, stamp(case.data), case.settings), case)


recipe = Recipe(
    name="braille",
    title="Delays and touched letters",
    papers=["S048"],
    citation="Hammouamri, Khalfaoui-Hassani & Masquelier, ICLR 2024 (learnt delays); Müller-Cleve et al., Frontiers in Neuroscience 2022 (the data)",
    claim="Delays help a spiking network without recurrence to tell touched letters apart, more than recurrence does, and learning them adds to having them.",
    data="Real: 945 touches of 27 letters by 12 taxels, 35 repetitions, cross-validated over repetitions: a fifth of them to test, a fifth to choose by, three to learn from.",
    scale="96 hidden cells and delays up to 30 ms on 76 steps; the paper has recordings of speech.",
    chosen=CHOSEN.format(unit="fold", where="repetitions 21 to 27"),
    methods=METHODS,
    baselines={
        "linear model": "logistic regression on the spikes, in 19 stretches of time",
        "raw taxels": "logistic regression on the pressures themselves, in the same stretches",
    },
    controls=CONTROLS,
    measures=MEASURES,
    seeds=(0, 1, 2),
    settings=Settings(),
    quick={"epochs": 1, "folds": 3, "repetitions": 6, "seeds": (0,)},
    expected=[
        *EXPECTED,
        Expect("learned delays beat recurrence", ("learned delays", "accuracy"), ">", ("recurrent", "accuracy")),
        Expect(
            "learned delays beat the plain classifier of pressures",
            ("learned delays", "accuracy"),
            ">",
            ("raw taxels", "accuracy"),
            decides=False,
        ),
    ],
    minutes=4,
    measure=measure,
    unit="fold",
    groups=groups,
    overlap=1 / 3,
    takes="braille_touch/braille.npz (x [S, 76, 12] in bytes, label from 0 to 26 and repetition of each touch), which is tested by networks that learnt from the set",
    notes=["No arm has augmentation. Operations are spikes times fan-out."],
)
run = recipe.run
