"""The cortical microcircuit at any scale as every side builds it: in-degrees are scaled as the number of cells."""

from __future__ import annotations

from ranvier.recipes._cortex import MEAN_DELAY, NAMES, PROBABILITIES, SIZES, SPREAD, mean_weight, synapses

__all__ = ["DELAYS_MS", "RELATIVE_SPREAD", "populations", "projections"]

RELATIVE_SPREAD = SPREAD
#: mean and standard deviation, from excitatory and from inhibitory cells
DELAYS_MS = {kind: (mean, mean / 2) for kind, mean in MEAN_DELAY.items()}


def populations(scale: float = 1.0) -> dict[str, int]:
    """Cells of each population, scaled."""
    return {name: max(2, round(size * scale)) for name, size in zip(NAMES, SIZES, strict=True)}


def projections(scale: float = 1.0) -> list[tuple[str, str, int, float]]:
    """(pre, post, synapses, mean weight in pA) of every projection there is."""
    sizes = populations(scale)
    return [
        (pre, post, round(synapses(p, sizes[pre] * sizes[post])), mean_weight(pre, post))
        for post, row in zip(NAMES, PROBABILITIES, strict=True)
        for pre, p in zip(NAMES, row, strict=True)
        if p
    ]
