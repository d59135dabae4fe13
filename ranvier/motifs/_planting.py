"""Rasters with planted motifs: the generative model that detectors invert."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ranvier.errors import RanvierError, ShapeError
from ranvier.limits import need
from ranvier.motifs._raster import Raster, spans
from ranvier.values import is_whole

__all__ = ["Motifs", "draw_motifs", "plant_motifs"]


@dataclass(frozen=True, eq=False)
class Motifs:
    """Spikes of M motifs of N cells, at delays from 0 to D - 1: an occurrence at step t has a spike of ``cell`` at t - ``delay``.

    Attributes
    ----------
    motif, cell, delay
        Whole numbers [S], one of each for every spike.
    shape
        (M, N, D).
    """

    motif: np.ndarray
    cell: np.ndarray
    delay: np.ndarray
    shape: tuple[int, int, int]

    def __post_init__(self) -> None:
        if len(self.shape) != 3 or not all(is_whole(n) for n in self.shape):
            raise ShapeError(
                f"Motifs: shape={self.shape!r}; give (motifs, cells, delays), whole numbers of at least 1."
            )
        for name, size in zip(("motif", "cell", "delay"), self.shape, strict=True):
            values = np.asarray(getattr(self, name))
            if values.ndim != 1 or values.shape != np.shape(self.motif):
                raise ShapeError(
                    f"Motifs: {name} has shape {values.shape}; give motif, cell and delay of one length [S]."
                )
            if values.size and not (
                np.issubdtype(values.dtype, np.integer) and 0 <= values.min() <= values.max() < size
            ):
                raise ShapeError(
                    f"Motifs: {name} must hold whole numbers from 0 to {size - 1}, as shape={self.shape} says."
                )
            object.__setattr__(self, name, values.astype(np.int64))

    def kernel(self) -> np.ndarray:
        """1 where a motif has a spike, 0 elsewhere: [M, N, D]."""
        made = np.zeros(self.shape, np.float32)
        made[self.motif, self.cell, self.delay] = 1
        return made


def draw_motifs(count: int, cells: int, window: int, *, spikes: int, seed: int = 0) -> Motifs:
    """``count`` motifs, each of ``spikes`` different pairs of a cell and a delay below ``window``.

    Raises
    ------
    RanvierError
        Where a number is not whole and positive, or a motif has more spikes than there are pairs.

    >>> rv.motifs.draw_motifs(4, 128, 31, spikes=40, seed=1).kernel().shape
    (4, 128, 31)
    """
    for name, value in (("count", count), ("cells", cells), ("window", window), ("spikes", spikes)):
        if not is_whole(value):
            raise RanvierError(f"draw_motifs: {name}={value!r}; give a whole number of at least 1.")
    if spikes > cells * window:
        raise RanvierError(
            f"draw_motifs: spikes={spikes} of {cells} cells and {window} delays; give at most {cells * window}."
        )
    rng = np.random.default_rng(seed)
    drawn = np.concatenate([rng.choice(cells * window, spikes, replace=False) for _ in range(count)])
    return Motifs(np.repeat(np.arange(count), spikes), drawn // window, drawn % window, (count, cells, window))


def plant_motifs(
    motifs: Motifs, steps: int, *, rate: float = 0.01, occurrence: float = 1e-3, jitter: float = 0.0,
    deletion: float = 0.0, seed: int = 0,
) -> tuple[Raster, Raster]:  # fmt: skip
    """A raster of background spikes with occurrences of motifs, and the occurrences.

    An occurrence of motif m at step t adds a spike of every (cell, delay) of m at t - delay + e, with e the nearest whole number
    to a normal number of standard deviation ``jitter``, and leaves each of them out with probability ``deletion``. Background spikes
    come in each step and cell with probability ``rate``. A cell fires at most once in a step.

    Parameters
    ----------
    motifs
        What is planted.
    steps
        T.
    rate, occurrence
        Probability per step of a background spike of a cell, and of an occurrence of a motif.
    jitter
        In steps.
    deletion
        From 0 to 1.
    seed
        Decides all.

    Returns
    -------
    tuple
        Spikes (T, N), and occurrences (T, M). The first D - 1 steps have no occurrence, so that every motif lies inside.

    Raises
    ------
    RanvierError
        Where a probability lies outside 0 to 1, jitter is negative, or there are fewer steps than delays.

    Source: Perrinet, ICANN 2023. There the logits of probabilities are added. Without jitter this is the same model with weights
    logit(1 - deletion) - logit(rate) on the spikes of a motif, where occurrences do not overlap.

    >>> spikes, truth = rv.motifs.plant_motifs(rv.motifs.draw_motifs(4, 128, 31, spikes=40), 1000, seed=1)
    >>> spikes.shape, truth.shape
    ((1000, 128), (1000, 4))
    """
    count, cells, window = motifs.shape
    for name, value in (("rate", rate), ("occurrence", occurrence), ("deletion", deletion)):
        if not 0 <= value <= 1:
            raise RanvierError(f"plant_motifs: {name}={value!r} is no probability; give a number from 0 to 1.")
    if not 0 <= jitter < np.inf:
        raise RanvierError(f"plant_motifs: jitter={jitter!r}; give a standard deviation in steps, at least 0.")
    if not is_whole(steps, window):
        raise RanvierError(f"plant_motifs: steps={steps!r}; give a whole number of at least the {window} delays.")
    need(
        64 * steps * (cells * rate + count * occurrence),
        f"a raster of {steps:,} steps",
        "give fewer steps or lower rates",
    )
    rng = np.random.default_rng(seed)
    truth = _bernoulli(rng, steps - window + 1, count, occurrence)
    when = truth[0] + window - 1
    background = _bernoulli(rng, steps, cells, rate)
    first = np.searchsorted(np.sort(motifs.motif), np.arange(count + 1))
    order = np.argsort(motifs.motif, kind="stable")
    each = np.diff(first)[truth[1]]
    spike = order[spans(first[truth[1]], each)]
    at = (
        np.repeat(when, each) - motifs.delay[spike] + np.rint(jitter * rng.standard_normal(len(spike))).astype(np.int64)
    )
    kept = (rng.random(len(spike)) >= deletion) & (at >= 0) & (at < steps)
    place = np.concatenate([background[0] * cells + background[1], at[kept] * cells + motifs.cell[spike][kept]])
    place = np.unique(place)
    return Raster(place // cells, place % cells, (steps, cells)), Raster(when, truth[1], (steps, count))


def _bernoulli(rng: np.random.Generator, steps: int, rows: int, p: float) -> tuple[np.ndarray, np.ndarray]:
    """Steps and rows of independent trials with probability ``p``: the gaps between successes are geometric."""
    total, parts, last = steps * rows, [np.zeros(0, np.int64)], -1
    while p > 0 and last < total:
        gaps = rng.geometric(p, max(16, int(1.1 * p * (total - last))))
        parts.append(last + gaps.cumsum())
        last = int(parts[-1][-1])
    place = np.concatenate(parts)
    place = place[place < total]
    return place // rows, place % rows
