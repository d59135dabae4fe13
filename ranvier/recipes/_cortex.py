"""Sizes and connection probabilities of the cortical microcircuit (Potjans & Diesmann, Cerebral Cortex 24, 785, 2014).

Plain numbers: what builds the circuit elsewhere reads them too.
"""

from __future__ import annotations

import math

__all__ = ["MEAN_DELAY", "NAMES", "PROBABILITIES", "SIZES", "SPREAD", "WEIGHT", "mean_weight", "synapses"]

#: layer and kind of cell: excitatory or inhibitory
NAMES = ("L23E", "L23I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I")
SIZES = (20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948)
#: [post][pre]
PROBABILITIES = (
    (0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0, 0.0076, 0.0),
    (0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0, 0.0042, 0.0),
    (0.0077, 0.0059, 0.0497, 0.1350, 0.0067, 0.0003, 0.0453, 0.0),
    (0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0, 0.1057, 0.0),
    (0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0),
    (0.0548, 0.0269, 0.0257, 0.0022, 0.0600, 0.3158, 0.0086, 0.0),
    (0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252),
    (0.0364, 0.0010, 0.0034, 0.0005, 0.0277, 0.0080, 0.0658, 0.1443),
)
#: pA, of an excitatory synapse; inhibitory ones are ``_G`` times it, L4E to L23E twice it
WEIGHT, SPREAD, _G = 87.8, 0.1, -4.0
#: ms, mean of the delay from excitatory and from inhibitory cells; half of it is the standard deviation
MEAN_DELAY = {"E": 1.5, "I": 0.75}


def mean_weight(pre: str, post: str) -> float:
    """pA."""
    return WEIGHT * (1.0 if pre.endswith("E") else _G) * (2.0 if (pre, post) == ("L4E", "L23E") else 1.0)


def synapses(probability: float, pairs: int) -> float:
    """Synapses of a projection between ``pairs`` pairs of cells: K = ln(1 - p) / ln(1 - 1/pairs)."""
    return math.log1p(-probability) / math.log1p(-1 / pairs)
