"""Three tasks for networks with delays: spoken digits, touched letters, digits before an event camera."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from ranvier.data import Bins, ChannelShift, Splits, TimeMask, TimeShift, load
from ranvier.encoding import delta
from ranvier.recipes.parts.delay_networks import Shape
from ranvier.recipes.parts.split import Split
from ranvier.recipes.parts.spoken_digits import heard
from ranvier.units import ms

__all__ = ["TASKS", "Task"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Task:
    """Spikes ``x`` [S, T, N], classes ``y`` [S], the parts of every fold, and what was chosen on validation sets.

    ``bins`` stretches of time go into the linear model; ``changes`` make each training sample a little different;
    ``delay_rate`` in ms per step.
    """

    name: str
    x: Tensor
    y: Tensor
    folds: tuple[Split, ...]
    shape: Shape
    bins: int
    epochs: int
    lr: float
    delay_rate: float
    batch_size: int
    decay: float = 1e-2
    scale: float = 10.0
    changes: tuple[Callable[[Tensor], Tensor], ...] = ()

    @property
    def features(self) -> np.ndarray:
        """Square roots of the counts per stretch and channel [S, bins·N], for the linear model."""
        return self.x.unflatten(1, (self.bins, -1)).sum(2).flatten(1).sqrt().numpy()


def fsdd(folder: Path) -> Task:
    """Spoken digits, leave one speaker out: one to test, the next to validate, the other two to learn from."""
    sets = load("fsdd")
    parts = (sets.train, sets.valid, sets.test)
    numbers = np.argsort(np.concatenate([p.index for p in parts]))
    label, speaker = (np.concatenate([getattr(p, name) for p in parts])[numbers] for name in ("target", "group"))
    clips = [sets.train.get(i).numpy() for i in range(len(label))]
    x = heard(folder / "fsdd_spikes.npz", clips).binned(len(label), 10)
    names = np.unique(speaker)
    folds = tuple(_leave_out(speaker, test, np.roll(names, -1)[k]) for k, test in enumerate(names))
    shape = Shape(inputs=x.shape[2], classes=10, hidden=96, dt=10.0, tau=20.0, tau_out=100.0, longest=200.0)
    return Task(
        "fsdd", x, torch.from_numpy(label), folds, shape, bins=10, epochs=20, lr=5e-3, delay_rate=3.0, batch_size=50,
        changes=(ChannelShift(6), TimeShift(5), TimeMask(10)),
    )  # fmt: skip


def braille_touch(folder: Path) -> Task:
    """Braille letters: spikes where a taxel's pressure moves by a fiftieth of its range."""
    sets = load("braille_touch", transform=lambda x: delta((1 - x)[:, None], 0.02)[:, 0].flatten(1))
    shape = Shape(inputs=24, classes=27, hidden=96, dt=1.0, tau=5.0, tau_out=20.0, longest=30.0, gain=3.0)
    return _whole("braille_touch", sets, shape, bins=19, epochs=30, lr=1e-2, delay_rate=0.3, batch_size=64)


def nmnist_small(folder: Path) -> Task:
    """N-MNIST in 30 steps of 10 ms, two by two pixels joined, at most one spike per step."""
    bins = Bins(30, 10 * ms, pool=2, binary=True)
    sets = load("nmnist_small", transform=lambda events: bins(events).flatten(1))
    shape = Shape(inputs=578, classes=10, hidden=96, dt=10.0, tau=20.0, tau_out=100.0, longest=150.0)
    return _whole("nmnist_small", sets, shape, bins=3, epochs=15, lr=2e-3, delay_rate=2.0, batch_size=50)


#: Tasks by name; each takes the folder for what is computed once.
TASKS: dict[str, Callable[[Path], Task]] = {"fsdd": fsdd, "braille_touch": braille_touch, "nmnist_small": nmnist_small}


def _leave_out(speaker: np.ndarray, test: str, valid: str) -> Split:
    rest = ~np.isin(speaker, [test, valid])
    return Split(np.flatnonzero(rest), np.flatnonzero(speaker == valid), np.flatnonzero(speaker == test))


def _whole(
    name: str, sets: Splits, shape: Shape, bins: int, epochs: int, lr: float, delay_rate: float, batch_size: int
) -> Task:
    """A task of one fold, the set's own."""
    xs, ys = zip(*(part.tensors() for part in (sets.train, sets.valid, sets.test)), strict=True)
    edges = np.cumsum([0, *map(len, ys)])
    train, valid, test = (np.arange(a, b) for a, b in pairwise(edges))
    fold = Split(train, valid, test)
    return Task(name, torch.cat(xs), torch.cat(ys), (fold,), shape, bins, epochs, lr, delay_rate, batch_size)
