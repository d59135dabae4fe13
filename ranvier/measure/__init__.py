"""What a network costs, what it is worth, what disturbs it, and why it decides as it does."""

from ranvier.measure._ablation import Ablation, Variant, ablate
from ranvier.measure._break_even import BreakEven, break_even
from ranvier.measure._compare import Comparison, compare
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
from ranvier.measure._energy import Energy, Estimate, bits_of, energy
from ranvier.measure._energy_model import EnergyModel, Parts
from ranvier.measure._latency import Latency, latency
from ranvier.measure._lemaire import Lemaire
from ranvier.measure._operations import operations
from ranvier.measure._over_steps import AccuracyOverSteps, accuracy_over_steps
from ranvier.measure._pareto import Pareto, figures, pareto
from ranvier.measure._prices import Arithmetic, Chip, Hierarchy, Level
from ranvier.measure._published import ENERGY_MODELS
from ranvier.measure._relevance import Relevance, relevance
from ranvier.measure._report import Operations, Row, Uncounted
from ranvier.measure._robustness import Robustness, Score, robustness
from ranvier.measure._twin import Twin, twin

__all__ = [
    "ENERGY_MODELS",
    "Ablation",
    "AccuracyOverSteps",
    "Arithmetic",
    "BreakEven",
    "Chip",
    "Comparison",
    "DeadCells",
    "Disturbance",
    "Drift",
    "DropSpikes",
    "Energy",
    "EnergyModel",
    "Estimate",
    "Hierarchy",
    "JitterSpikes",
    "Latency",
    "Lemaire",
    "Level",
    "Noise",
    "Operations",
    "Pareto",
    "Parts",
    "Quantize",
    "Relevance",
    "Robustness",
    "Row",
    "Score",
    "Twin",
    "Uncounted",
    "Variant",
    "WeightNoise",
    "ablate",
    "accuracy_over_steps",
    "bits_of",
    "break_even",
    "compare",
    "energy",
    "figures",
    "latency",
    "operations",
    "pareto",
    "relevance",
    "robustness",
    "twin",
]
