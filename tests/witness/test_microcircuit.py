"""A tenth of the cortical microcircuit behaves as in NEST: rates, irregularity and synchrony of all eight populations lie
inside the spread between seeds.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import ks_2samp

from ranvier.recipes.parts.cortex import NAMES
from ranvier.recipes.parts.microcircuit import microcircuit
from ranvier.units import ms

SEEDS = (1, 2, 3, 4, 5, 6, 7, 8)
KEYS = ("rate_mean", "cv_mean", "correlation_2ms_mean", "correlation_10ms_mean")
Statistics = dict[str, list[float]]


@pytest.fixture(scope="module")
def ours(estimators) -> Callable[[tuple[int, ...]], Statistics]:
    """The statistics of our runs, by population and name, one entry per seed."""

    def run(seeds: tuple[int, ...]) -> Statistics:
        rows: Statistics = {}
        for seed in seeds:
            done = microcircuit(0.1, seed).run(5500 * ms, stream=0, record={name: ["spikes"] for name in NAMES})
            for name in NAMES:
                train = done[name].spikes
                found = estimators.summary(train.step * 0.1, train.cell, train.size, 500.0, 5500.0)
                for key in KEYS:
                    rows.setdefault(f"{name}_{key}", []).append(float(found[key]))
        return rows

    return run


@pytest.mark.slow
def test_eight_seeds_cannot_be_told_from_those_of_nest(witness: Callable, ours: Callable) -> None:
    """Kolmogorov and Smirnov, and means within four standard errors."""
    data = witness("microcircuit_statistics")
    for key, found in ours(SEEDS).items():
        theirs = data[f"nest_{key}"]
        where = f"{key}: {np.round(found, 4)} against {np.round(theirs, 4)}"
        assert ks_2samp(found, theirs).pvalue > 0.002, where
        error = np.sqrt((np.var(found, ddof=1) + np.var(theirs, ddof=1)) / len(SEEDS))
        assert abs(np.mean(found) - theirs.mean()) < 4 * error, where


def test_one_seed_lies_among_those_of_nest(witness: Callable, ours: Callable) -> None:
    """The quick check: within six standard deviations of their seeds."""
    data = witness("microcircuit_statistics")
    for key, (found,) in ours((1,)).items():
        theirs = data[f"nest_{key}"]
        assert abs(found - theirs.mean()) < 6 * theirs.std(ddof=1), key
