"""Who talks to whom, with what weight and what delay."""

from ranvier.connectivity._linear import Linear, latency_steps
from ranvier.connectivity._rules import (
    AllToAll,
    Connectivity,
    ConnectivityError,
    FixedInDegree,
    FixedProbability,
    FromArrays,
    OneToOne,
)
from ranvier.connectivity._sparse import Sparse, Synapses

__all__ = [
    "AllToAll",
    "Connectivity",
    "ConnectivityError",
    "FixedInDegree",
    "FixedProbability",
    "FromArrays",
    "Linear",
    "OneToOne",
    "Sparse",
    "Synapses",
    "latency_steps",
]
