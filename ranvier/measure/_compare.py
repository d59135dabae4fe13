"""Whether one network is better than another on the same samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Any

import numpy as np

from ranvier.errors import RanvierError
from ranvier.inference import Readout
from ranvier.inference.intervals import bootstrap, interval
from ranvier.measure._outcomes import Decider, decided, outcomes
from ranvier.text_table import text_table
from ranvier.values import is_whole

__all__ = ["Comparison", "compare"]

#: allocations of seeds that are all counted; beyond, so many are drawn
_ALLOCATIONS = 20_000


@dataclass(frozen=True)
class Comparison:
    """Two networks, or two sets of networks, on the same samples.

    Attributes
    ----------
    samples, networks
        How many samples, and how many networks each side has.
    accuracy
        Of the first and of the second; means over networks.
    intervals
        Their 95 % intervals: bootstrap over samples, and over networks where there are several.
    difference, difference_interval
        First minus second, on the same samples in every draw.
    only
        Samples that the first alone gets right, and the second alone: means over all pairs of networks.
    p
        How often chance alone gives a difference as large, two-sided: McNemar's exact test on the samples for one network each;
        for several, the exact permutation test of their accuracies, whose unit is the network.
    """

    samples: int
    networks: tuple[int, int]
    accuracy: tuple[float, float]
    intervals: tuple[tuple[float, float], tuple[float, float]]
    difference: float
    difference_interval: tuple[float, float]
    only: tuple[float, float]
    p: float

    def __str__(self) -> str:
        rows = [["", "networks", "accuracy", "95 % interval", "alone right"]]
        for name, k in (("first", 0), ("second", 1)):
            low, high = self.intervals[k]
            rows.append(
                [
                    name,
                    str(self.networks[k]),
                    f"{self.accuracy[k]:.2%}",
                    f"{low:.2%} to {high:.2%}",
                    f"{self.only[k]:g}",
                ]
            )
        low, high = self.difference_interval
        unit = "McNemar, unit: sample" if self.networks == (1, 1) else "permutation, unit: network"
        return (
            f"{text_table(rows, right=(1, 2, 3, 4))}\n{self.samples} samples: first - second = {100 * self.difference:+.2f} points "
            f"({100 * low:+.2f} to {100 * high:+.2f}), p = {self.p:.2g} ({unit})"
        )


def compare(
    first: Decider | Sequence[Decider], second: Decider | Sequence[Decider], test_set: Any, *, readout: Readout = "mean",
    batch_size: int = 256, draws: int = 2000, seed: int = 0,
) -> Comparison:  # fmt: skip
    """Compare the accuracy of two networks on the same samples, with an interval of the difference.

    What makes a sample hard is hard for both, so the difference is known better than either accuracy. One network says nothing of
    another seed: give lists of networks, one for each seed, to compare ways of making them.

    Parameters
    ----------
    first, second
        A network, the folder of a saved one (``rv.save``), any module or function that gives [T, B, C] or [B, C] for x [T, B, …]; or a
        list of such, one for each seed.
    test_set
        (x [S, T, …], y [S]), or what else ``rv.train`` takes. Nothing may have been chosen on it.
    readout
        ``"mean"``, ``"sum"`` or ``"last"`` of the outputs over time.
    draws, seed
        Of the bootstrap.

    Raises
    ------
    RanvierError
        For what decides nothing, targets that are no classes, sequences of different length, another read-out, and fewer than 100 draws.
    ShapeError
        For outputs that are neither [T, B, C] nor [B, C].

    >>> nets = [rv.Sequential(rv.Linear(20, 3), rv.LeakyReadout(3), dt=1*ms, seed=k) for k in (1, 2)]
    >>> print(rv.measure.compare(*nets, (torch.zeros(8, 5, 20), torch.arange(8) % 3)).samples)
    8
    """
    if not is_whole(draws, 100):
        raise RanvierError(f"draws={draws!r} must be a whole number of at least 100.")
    sides = decided(first, "first"), decided(second, "second")
    found, _ = outcomes([*sides[0], *sides[1]], test_set, readout, None, batch_size)
    right = found[: len(sides[0]), :, 0], found[len(sides[0]) :, :, 0]

    means = [bootstrap(one, draws=draws, seed=seed, side=k) for k, one in enumerate(right)]
    accuracy = float(right[0].mean()), float(right[1].mean())
    a, b = right[0].mean(0), right[1].mean(0)
    only = float((a * (1 - b)).sum()), float((b * (1 - a)).sum())
    single = len(right[0]) == len(right[1]) == 1
    p = _mcnemar(*map(round, only)) if single else _permutation(right[0].mean(1), right[1].mean(1), seed)
    ends = [tuple(float(end) for end in interval(one)) for one in (*means, means[0] - means[1])]
    return Comparison(
        found.shape[1], (len(right[0]), len(right[1])), accuracy, (_pair(ends[0]), _pair(ends[1])), accuracy[0] - accuracy[1], _pair(ends[2]),
        only, p,
    )  # fmt: skip


def _pair(ends: Sequence[float]) -> tuple[float, float]:
    return ends[0], ends[1]


def _mcnemar(first: int, second: int) -> float:
    """Two-sided: as many or fewer on the rarer side, where each of the samples on which both differ falls on either side alike."""
    n, k = first + second, min(first, second)
    return min(1.0, 2 * sum(comb(n, i) for i in range(k + 1)) / 2**n)


def _permutation(first: np.ndarray, second: np.ndarray, seed: int) -> float:
    """How often networks that are allocated to both sides at random differ as much."""
    pooled, size = np.concatenate([first, second]), len(first)
    seen = abs(first.mean() - second.mean())
    if comb(len(pooled), size) <= _ALLOCATIONS:
        chosen = np.array(list(combinations(range(len(pooled)), size)))
    else:
        draw = np.random.default_rng(seed)
        chosen = np.array([draw.permutation(len(pooled))[:size] for _ in range(_ALLOCATIONS)])
    mine = pooled[chosen].sum(1)
    apart = np.abs(mine / size - (pooled.sum() - mine) / (len(pooled) - size))
    often = apart >= seen - 1e-12
    return float(often.mean()) if len(often) < _ALLOCATIONS else float((often.sum() + 1) / (len(often) + 1))
