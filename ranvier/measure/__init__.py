"""What a network costs, what it is worth, what disturbs it, and why it decides as it does."""

from ranvier.measure._disturbances import (
    DeadCells,
    Disturbance,
    Drift,
    DropSpikes,
    JitterSpikes,
    Noise,
    Quantize,
    WeightNoise,
)
from ranvier.measure._operations import operations
from ranvier.measure._relevance import Relevance, relevance
from ranvier.measure._report import Operations, Row, Uncounted
from ranvier.measure._robustness import Robustness, Score, robustness

__all__ = [
    "DeadCells",
    "Disturbance",
    "Drift",
    "DropSpikes",
    "JitterSpikes",
    "Noise",
    "Operations",
    "Quantize",
    "Relevance",
    "Robustness",
    "Row",
    "Score",
    "Uncounted",
    "WeightNoise",
    "operations",
    "relevance",
    "robustness",
]
