"""The cortical microcircuit as plain numbers, which whatever builds it elsewhere reads too.

T. C. Potjans and M. Diesmann, *Cerebral Cortex* 24, 785 (2014); initial potentials as in O. Rhodes et al., *Phil. Trans. R.
Soc. A* 378, 20190160 (2020); smaller circuits after S. J. van Albada, M. Helias and M. Diesmann, *PLoS Computational
Biology* 11, e1004490 (2015).
"""

from __future__ import annotations

import math
from typing import NamedTuple

__all__ = [
    "BACKGROUND",
    "BACKGROUND_DELAY",
    "DELAYS",
    "NAMES",
    "RATES",
    "SPREAD",
    "TAU_S",
    "V_START",
    "WEIGHT",
    "Pathway",
    "background_rate",
    "lost_current",
    "pathways",
    "sizes",
]

#: layer and kind of cell: excitatory or inhibitory
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
#: published mean rates in Hz at full scale
RATES = (0.903, 2.965, 4.414, 5.876, 7.569, 8.633, 1.105, 7.829)
#: pA, of an excitatory synapse, and the relative standard deviation of all weights
WEIGHT, SPREAD = 87.8, 0.1
#: inhibitory weights relative to excitatory ones
_G = -4.0
#: ms, mean and standard deviation of the delay from excitatory and from inhibitory cells
DELAYS = {"E": (1.5, 0.75), "I": (0.75, 0.375)}
#: background synapses of a cell, each firing at ``_BACKGROUND_HZ`` and ``BACKGROUND_DELAY`` ms late
BACKGROUND = (1600, 1500, 2100, 1900, 2000, 1900, 2900, 2100)
_BACKGROUND_HZ, BACKGROUND_DELAY = 8.0, 1.5
#: ms, time constant of synaptic currents
TAU_S = 0.5
#: mV, mean and standard deviation of the first membrane potential, close to those of the running circuit
V_START = (
    (-68.28, 5.36), (-63.16, 4.57), (-63.33, 4.74), (-63.45, 4.94),
    (-63.11, 4.94), (-61.66, 4.55), (-66.72, 5.46), (-61.43, 4.48),
)  # fmt: skip


class Pathway(NamedTuple):
    """Single synapses from one population to another: how many, and their mean weight in pA."""

    pre: str
    post: str
    synapses: int
    weight: float


def sizes(scale: float = 1.0) -> list[int]:
    """Cells of each population with ``scale`` times as many of them."""
    return [max(2, round(size * scale)) for size in _SIZES]


def pathways(scale: float = 1.0) -> list[Pathway]:
    """All there are; cells keep ``scale`` of their synapses, with weights that are 1/sqrt(scale) times as large."""
    larger, every = 1 / math.sqrt(scale), range(len(NAMES))
    found = (
        Pathway(NAMES[pre], NAMES[post], round(_synapses(post, pre) * scale * scale), _weight(post, pre) * larger)
        for post in every
        for pre in every
    )
    return [pathway for pathway in found if pathway.synapses]


def background_rate(post: int, scale: float = 1.0) -> float:
    """Hz, of all background synapses of a cell together; each weighs WEIGHT/sqrt(scale)."""
    return BACKGROUND[post] * scale * _BACKGROUND_HZ


def lost_current(post: int, scale: float = 1.0) -> float:
    """pA: what smaller in-degrees with weights 1/sqrt(scale) times as large take from a cell's mean input.

    tau_s (1 - sqrt(scale)) (sum over pre of K w rate + K_ext w_ext rate_ext), K the in-degrees at full scale.
    """
    total = BACKGROUND[post] * WEIGHT * _BACKGROUND_HZ
    for pre in range(len(NAMES)):
        total += _synapses(post, pre) / _SIZES[post] * _weight(post, pre) * RATES[pre]
    return TAU_S / 1000 * (1 - math.sqrt(scale)) * total


def _synapses(post: int, pre: int) -> float:
    """At full scale: K = ln(1 - p) / ln(1 - 1/pairs)."""
    return math.log1p(-_PROBABILITIES[post][pre]) / math.log1p(-1 / (_SIZES[pre] * _SIZES[post]))


def _weight(post: int, pre: int) -> float:
    """pA at full scale; from layer 4 to layer 2/3 excitation is twice as strong."""
    doubled = (NAMES[pre], NAMES[post]) == ("L4E", "L23E")
    return WEIGHT * (1.0 if NAMES[pre].endswith("E") else _G) * (2.0 if doubled else 1.0)
