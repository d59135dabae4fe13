"""Regularisers: what is added to a loss to keep hidden populations in a useful range; a new one is one small class."""

from ranvier.training.regularizers._features import Features
from ranvier.training.regularizers._hoyer import HoyerSparsity
from ranvier.training.regularizers._membrane import CentredMembrane, MembraneBounds, ResidualMembrane
from ranvier.training.regularizers._regularizer import Regularizer, signals_of
from ranvier.training.regularizers._spikes import RateBounds, SpikeCost
from ranvier.training.regularizers._steady_features import SteadyFeatures
from ranvier.training.regularizers._synops import SynOps

__all__ = [
    "CentredMembrane",
    "Features",
    "HoyerSparsity",
    "MembraneBounds",
    "RateBounds",
    "Regularizer",
    "ResidualMembrane",
    "SpikeCost",
    "SteadyFeatures",
    "SynOps",
    "signals_of",
]
