"""Who talks to whom, with what weight and what delay."""

from ranvier.connectivity import profiles
from ranvier.connectivity._all_to_all import AllToAll
from ranvier.connectivity._blocks import Blocks, Clustered
from ranvier.connectivity._build import SynapseRequest, build_synapses
from ranvier.connectivity._connectivity import Connectivity, ConnectivityError, Ends, RowRule
from ranvier.connectivity._connectome import connectome
from ranvier.connectivity._correlated import Clipped, Correlated
from ranvier.connectivity._distance_dependent import DistanceDependent
from ranvier.connectivity._fixed_in_degree import FixedInDegree
from ranvier.connectivity._fixed_out_degree import FixedOutDegree
from ranvier.connectivity._fixed_probability import FixedProbability
from ranvier.connectivity._fixed_total import FixedTotal
from ranvier.connectivity._from_arrays import FromArrays
from ranvier.connectivity._from_edges import FromEdges
from ranvier.connectivity._from_graph import FromGraph
from ranvier.connectivity._from_matrix import FromMatrix
from ranvier.connectivity._linear import Linear, latency_steps
from ranvier.connectivity._one_to_one import OneToOne
from ranvier.connectivity._positions import Grid, Positions, RandomPositions, place
from ranvier.connectivity._small_world import SmallWorld
from ranvier.connectivity._sparse import Sparse
from ranvier.connectivity._synapses import Synapses

__all__ = [
    "AllToAll",
    "Blocks",
    "Clipped",
    "Clustered",
    "Connectivity",
    "ConnectivityError",
    "Correlated",
    "DistanceDependent",
    "Ends",
    "FixedInDegree",
    "FixedOutDegree",
    "FixedProbability",
    "FixedTotal",
    "FromArrays",
    "FromEdges",
    "FromGraph",
    "FromMatrix",
    "Grid",
    "Linear",
    "OneToOne",
    "Positions",
    "RandomPositions",
    "RowRule",
    "SmallWorld",
    "Sparse",
    "SynapseRequest",
    "Synapses",
    "build_synapses",
    "connectome",
    "latency_steps",
    "place",
    "profiles",
]
