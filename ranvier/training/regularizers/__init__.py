"""Regularisers: what is added to a loss to keep hidden populations in a useful range; a new one is one small class."""

from ranvier.training.regularizers._features import Features
from ranvier.training.regularizers._membrane import CentredMembrane, MembraneBounds, ResidualMembrane
from ranvier.training.regularizers._regularizer import Regularizer, signals_of
from ranvier.training.regularizers._spikes import RateBounds, SpikeCost

__all__ = [
    "CentredMembrane",
    "Features",
    "MembraneBounds",
    "RateBounds",
    "Regularizer",
    "ResidualMembrane",
    "SpikeCost",
    "signals_of",
]
