"""Statistics of a recorded population: rate, irregularity, synchrony; defined in ``data/README.md``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def rates(time: Array, neuron: NDArray[np.integer], cells: int, begin: float, end: float) -> Array:
    """Spikes per second of each cell in [begin, end) ms."""
    inside = (time >= begin) & (time < end)
    return np.bincount(neuron[inside], minlength=cells) / (end - begin) * 1000


def coefficients_of_variation(
    time: Array, neuron: NDArray[np.integer], cells: int, begin: float, end: float, fewest: int = 5
) -> Array:
    """Standard deviation (ddof 0) over mean of the intervals of each cell that has at least ``fewest`` of them."""
    inside = (time >= begin) & (time < end)
    order = np.lexsort((time[inside], neuron[inside]))
    t, who = time[inside][order], neuron[inside][order]
    trains = np.split(t, np.searchsorted(who, np.arange(1, cells)))
    intervals = [np.diff(train) for train in trains if len(train) > fewest]
    return np.array([i.std() / i.mean() for i in intervals])


def pairwise_correlations(
    time: Array, neuron: NDArray[np.integer], first: int, begin: float, end: float, width: float
) -> Array:
    """Pearson correlations of spike counts in bins of ``width`` ms, all pairs of cells 0 .. first-1 that fired."""
    inside = (time >= begin) & (time < end) & (neuron < first)
    bins = round((end - begin) / width)
    index = np.minimum(((time[inside] - begin) / width + 1e-6).astype(int), bins - 1)
    counts = np.zeros((first, bins))
    np.add.at(counts, (neuron[inside], index), 1)
    counts = counts[counts.std(1) > 0]
    matrix = np.corrcoef(counts)
    return matrix[np.triu_indices(len(counts), 1)]


def summary(time: Array, neuron: NDArray[np.integer], cells: int, begin: float, end: float) -> dict[str, Array]:
    """Return the stored row of one population and one seed."""
    rate = rates(time, neuron, cells, begin, end)
    irregularity = coefficients_of_variation(time, neuron, cells, begin, end)
    quantiles = [0.05, 0.25, 0.5, 0.75, 0.95]
    result = {
        "rate_mean": rate.mean(),
        "rate_quantiles": np.quantile(rate, quantiles),
        "cv_mean": irregularity.mean(),
        "cv_quantiles": np.quantile(irregularity, quantiles),
        "cv_cells": len(irregularity),
    }
    for width in (2.0, 10.0):
        correlation = pairwise_correlations(time, neuron, 500, begin, end, width)
        result[f"correlation_{width:.0f}ms_mean"] = correlation.mean()
        result[f"correlation_{width:.0f}ms_sd"] = correlation.std()
    return {key: np.asarray(value, dtype=np.float64) for key, value in result.items()}
