"""A detector from counts alone: how often each cell fires at each delay before an occurrence."""

from __future__ import annotations

import numpy as np

from ranvier.motifs._raster import Raster, spans

__all__ = ["log_odds"]

_SURE = 1 - 1e-3


def log_odds(
    raster: Raster, occurrences: Raster, window: int, significance: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kernel [M, N, D] and bias [M] of the detector that takes spikes as independent, and which synapses [M, N, D] it has.

    With p = (count + 1)/(T + 1) of a cell and q = (k + 1)/(n + 1/p), for k spikes at a delay before n occurrences,
    weight = logit(q) - logit(p), and bias = logit(n/T) + sum of log((1 - q)/(1 - p)) over synapses. A synapse is one whose k lies
    at least ``significance`` standard deviations from its mean by chance, n p.
    """
    (steps, cells), motifs = raster.shape, occurrences.shape[1]
    low = np.searchsorted(raster.times, occurrences.times - window + 1)
    high = np.searchsorted(raster.times, occurrences.times, side="right")
    each = high - low
    spike = spans(low, each)
    delay = np.repeat(occurrences.times, each) - raster.times[spike]
    place = (np.repeat(occurrences.rows, each) * cells + raster.rows[spike]) * window + delay
    seen = np.bincount(place, minlength=motifs * cells * window).reshape(motifs, cells, window)
    often = np.bincount(occurrences.rows, minlength=motifs)
    n = often[:, None, None]
    p = np.minimum((np.bincount(raster.rows, minlength=cells) + 1) / (steps + 1), _SURE)[None, :, None]
    kept = np.abs(seen - n * p) >= significance * np.sqrt(n * p * (1 - p))
    q = np.where(kept, np.minimum((seen + 1) / (n + 1 / p), _SURE), p)
    prior = np.clip(often / steps, 1 / steps, _SURE)
    bias = np.log(prior / (1 - prior)) + np.log((1 - q) / (1 - p)).sum((1, 2))
    return np.log(q / (1 - q)) - np.log(p / (1 - p)), bias, kept
