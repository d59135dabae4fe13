"""The cortical microcircuit of T. C. Potjans and M. Diesmann (*Cereb. Cortex* 24, 785, 2014): sizes and projections.

Populations and connection probabilities are those of their table 5; the number of synapses of a projection follows as
K = ln(1 - p) / ln(1 - 1/(N_pre N_post)).
"""

from __future__ import annotations

import math

__all__ = ["DELAYS_MS", "NAMES", "RELATIVE_SPREAD", "WEIGHT_PA", "populations", "projections"]

NAMES = ("L23E", "L23I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I")
_SIZES = (20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948)
#: [post][pre]
_PROBABILITIES = (
    (0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0, 0.0076, 0.0),
    (0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0, 0.0042, 0.0),
    (0.0077, 0.0059, 0.0497, 0.1350, 0.0067, 0.0003, 0.0453, 0.0),
    (0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0, 0.1057, 0.0),
    (0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0),
    (0.0548, 0.0269, 0.0257, 0.0022, 0.0600, 0.3158, 0.0086, 0.0),
    (0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252),
    (0.0364, 0.0010, 0.0034, 0.0005, 0.0277, 0.0080, 0.0658, 0.1443),
)
WEIGHT_PA = 87.8
RELATIVE_SPREAD = 0.1
#: mean and standard deviation, from excitatory and from inhibitory cells
DELAYS_MS = {"E": (1.5, 0.75), "I": (0.75, 0.375)}


def populations(scale: float = 1.0) -> dict[str, int]:
    """Cells of each population, scaled."""
    return {name: max(2, round(size * scale)) for name, size in zip(NAMES, _SIZES, strict=True)}


def projections(scale: float = 1.0) -> list[tuple[str, str, int, float]]:
    """(pre, post, synapses, mean weight in pA); the in-degree of a cell is scaled as the number of cells."""
    sizes, out = populations(scale), []
    for post, row in zip(NAMES, _PROBABILITIES, strict=True):
        for pre, p in zip(NAMES, row, strict=True):
            if p == 0.0:
                continue
            pairs = sizes[pre] * sizes[post]
            total = round(math.log(1 - p) / math.log(1 - 1 / pairs))
            weight = WEIGHT_PA * (1.0 if pre.endswith("E") else -4.0) * (2.0 if (pre, post) == ("L4E", "L23E") else 1.0)
            out.append((pre, post, total, weight))
    return out
