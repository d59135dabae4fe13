"""What the networks of a set learn from: three parts that share no sample."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial

import torch
from torch.nn import functional

from ranvier.data import Bins, Splits, load
from ranvier.encoding import bernoulli, event_points, point_groups
from ranvier.recipes.lmuformer import spoken
from ranvier.recipes.parts.sequences import Parts
from ranvier.units import ms

__all__ = ["EVENTS", "POINTS", "Amount", "commands", "events", "images", "points"]

Tensor = torch.Tensor
#: steps and their length in ms, and pixels per side of event frames
EVENTS = (6, 50, 16)
#: points of a recording, groups, points in each, steps
POINTS = (128, 16, 8, 6)


@dataclass(frozen=True)
class Amount:
    """Samples to learn from, to choose by and to report, and passes over the first."""

    learn: int
    valid: int
    test: int
    epochs: int


def _drawn(sets: Splits, amount: Amount, seed: int) -> Parts:
    """Samples of each part: those to learn from are drawn by the seed, the others are the first ones."""
    (x, y), valid, test = (part.tensors() for part in (sets.train, sets.valid, sets.test))
    own = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))[: amount.learn]
    return (x[own], y[own]), (valid[0][: amount.valid], valid[1][: amount.valid]), (
        test[0][: amount.test], test[1][: amount.test],
    )  # fmt: skip


@lru_cache(maxsize=2)
def images(name: str, steps: int, amount: Amount, seed: int) -> Parts:
    """Pixels from -1 to 1 of images at half their size, the same in every step [T, S, 1, 14, 14]."""
    halved = partial(functional.avg_pool2d, kernel_size=2)
    learn, valid, test = (
        ((2 * halved(x[:, None]) - 1).expand(steps, -1, -1, -1, -1), y) for x, y in _drawn(load(name), amount, seed)
    )
    return learn, valid, test


@lru_cache(maxsize=2)
def events(amount: Amount, seed: int) -> Parts:
    """Recordings of N-MNIST without the outermost pixels, two by two joined [6, S, 2, 16, 16]."""
    steps, length, side = EVENTS
    sets = load("nmnist_small", transform=Bins(steps, length * ms, pool=2, binary=True))
    learn, valid, test = _recordings(sets, amount, seed)
    return tuple((x.float()[..., :side, :side].transpose(0, 1).contiguous(), y) for x, y in (learn, valid, test))  # pyright: ignore[reportReturnType]


@lru_cache(maxsize=2)
def points(amount: Amount, seed: int) -> Parts:
    """128 events of each of the same recordings as groups of points in a rate code [6, S, 6, 16, 8]."""
    count, groups, size, steps = POINTS
    generator = torch.Generator().manual_seed(seed)
    sets = load("nmnist_small", transform=partial(event_points, count=count, generator=generator))

    def coded(x: Tensor) -> Tensor:
        return bernoulli(point_groups(x, groups, size), steps, generator=generator)

    learn, valid, test = ((coded(x), y) for x, y in _recordings(sets, amount, seed))
    return learn, valid, test


def _recordings(sets: Splits, amount: Amount, seed: int) -> Parts:
    """480 recordings of the training part to learn from; its others choose, and the two small parts together report."""
    x, y = (torch.cat(pair) for pair in zip(*(p.tensors() for p in (sets.valid, sets.test)), strict=True))
    learn, target = sets.train.tensors()
    order = torch.randperm(len(target), generator=torch.Generator().manual_seed(seed))
    own, other = order[: amount.learn], order[480 : 480 + amount.valid]
    return (learn[own], target[own]), (learn[other], target[other]), (x[: amount.test], y[: amount.test])


def commands(amount: Amount) -> Parts:
    """Log-mel spectra of spoken commands [48, S, 40], by speaker."""
    (x, y), valid, test = spoken(1_000)
    return (x[:, : amount.learn], y[: amount.learn]), valid, test
