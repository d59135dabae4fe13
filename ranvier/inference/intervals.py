"""Intervals of means by the bootstrap: over samples, and over networks that learnt from different seeds."""

from __future__ import annotations

import numpy as np

__all__ = ["DRAWS", "bootstrap", "interval"]

#: draws of samples
DRAWS = 2000


def bootstrap(values: np.ndarray, *, draws: int = DRAWS, seed: int = 0, side: int = 0) -> np.ndarray:
    """Means [draws, …] of ``values`` [R, S, …]: each draw takes R of the networks and S of the samples, with replacement.

    The samples of a draw are the same for all networks and all of what follows them, because they share what makes a sample hard.
    Calls of one ``seed`` draw the same samples; networks of another ``side`` are drawn apart.

    >>> means = bootstrap(np.array([[0.0, 1.0, 1.0, 0.0]]), draws=50)
    """
    networks, samples = values.shape[:2]
    generator, more = np.random.default_rng(seed), np.random.default_rng((seed, 1, side))
    flat = np.ascontiguousarray(np.moveaxis(values, 1, -1), dtype=np.float64).reshape(-1, samples)
    out = np.empty((draws, len(flat)))
    for first in range(0, draws, 250):  # bounds the memory of the table of draws
        count = min(250, draws - first)
        often = generator.multinomial(samples, np.full(samples, 1 / samples), size=count)
        out[first : first + count] = often @ flat.T / samples
    taken = more.multinomial(networks, np.full(networks, 1 / networks), size=draws) / networks
    return np.einsum("dr,dr...->d...", taken, out.reshape(draws, networks, *values.shape[2:]))


def interval(means: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper percentile of the draws ``means`` [draws, …]."""
    low, high = np.percentile(means, [50 * (1 - level), 50 * (1 + level)], axis=0)
    return low, high
