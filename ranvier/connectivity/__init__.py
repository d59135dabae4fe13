"""Who talks to whom, with what weight and what delay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier._pages import page

if TYPE_CHECKING:
    from ranvier.connectivity import profiles
    from ranvier.connectivity._all_to_all import AllToAll
    from ranvier.connectivity._attention import Attention
    from ranvier.connectivity._blocks import Blocks, Clustered
    from ranvier.connectivity._build import SynapseRequest, build_synapses
    from ranvier.connectivity._channels import Channels
    from ranvier.connectivity._connectivity import Connectivity, ConnectivityError, Ends, RowRule
    from ranvier.connectivity._connectome import connectome
    from ranvier.connectivity._conv import Conv2d
    from ranvier.connectivity._conv1d import Conv1d
    from ranvier.connectivity._conv3d import Conv3d
    from ranvier.connectivity._conv_transpose2d import ConvTranspose2d
    from ranvier.connectivity._correlated import Correlated
    from ranvier.connectivity._delay_width import DelayWidth
    from ranvier.connectivity._distance_dependent import DistanceDependent
    from ranvier.connectivity._dropout import Dropout
    from ranvier.connectivity._fixed_in_degree import FixedInDegree
    from ranvier.connectivity._fixed_out_degree import FixedOutDegree
    from ranvier.connectivity._fixed_probability import FixedProbability
    from ranvier.connectivity._fixed_total import FixedTotal
    from ranvier.connectivity._from_arrays import FromArrays
    from ranvier.connectivity._from_edges import FromEdges
    from ranvier.connectivity._from_graph import FromGraph
    from ranvier.connectivity._from_matrix import FromMatrix
    from ranvier.connectivity._lateral_inhibition import LateralInhibition
    from ranvier.connectivity._linear import Linear, latency_steps
    from ranvier.connectivity._norm import StepBatchNorm, ThresholdBatchNorm
    from ranvier.connectivity._norm_of_steps import BatchNormThroughTime, TemporalBatchNorm
    from ranvier.connectivity._one_to_one import OneToOne
    from ranvier.connectivity._position_code import PositionCode
    from ranvier.connectivity._positions import Grid, Positions, RandomPositions, place
    from ranvier.connectivity._procedural import Procedural, ProceduralSynapses
    from ranvier.connectivity._share import Share, Shared
    from ranvier.connectivity._shared_sums import SumOfChannels, SumOfPlaces
    from ranvier.connectivity._small_world import SmallWorld
    from ranvier.connectivity._sparse import Sparse
    from ranvier.connectivity._spike_coding import SpikeCoding
    from ranvier.connectivity._submanifold import SubmanifoldConv2d, SubmanifoldConv3d
    from ranvier.connectivity._synapses import Synapses
    from ranvier.connectivity._time_linear import TimeLinear
    from ranvier.connectivity._travel_time import travel_time
    from ranvier.connectivity._where import Where
    from ranvier.connectivity.delays import delay_parameters, delays_of
    from ranvier.connectivity.transform import Transform

__all__ = [
    "AllToAll",
    "Attention",
    "BatchNormThroughTime",
    "Blocks",
    "Channels",
    "Clustered",
    "Connectivity",
    "ConnectivityError",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose2d",
    "Correlated",
    "DelayWidth",
    "DistanceDependent",
    "Dropout",
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
    "LateralInhibition",
    "Linear",
    "OneToOne",
    "PositionCode",
    "Positions",
    "Procedural",
    "ProceduralSynapses",
    "RandomPositions",
    "RowRule",
    "Share",
    "Shared",
    "SmallWorld",
    "Sparse",
    "SpikeCoding",
    "StepBatchNorm",
    "SubmanifoldConv2d",
    "SubmanifoldConv3d",
    "SumOfChannels",
    "SumOfPlaces",
    "SynapseRequest",
    "Synapses",
    "TemporalBatchNorm",
    "ThresholdBatchNorm",
    "TimeLinear",
    "Transform",
    "Where",
    "build_synapses",
    "connectome",
    "delay_parameters",
    "delays_of",
    "latency_steps",
    "place",
    "profiles",
    "travel_time",
]

# Public name -> the module that holds it.
_PUBLIC: dict[str, str] = {
    "AllToAll": "._all_to_all",
    "Attention": "._attention",
    "BatchNormThroughTime": "._norm_of_steps",
    "Blocks": "._blocks",
    "Channels": "._channels",
    "Clustered": "._blocks",
    "Connectivity": "._connectivity",
    "ConnectivityError": "._connectivity",
    "Conv1d": "._conv1d",
    "Conv2d": "._conv",
    "Conv3d": "._conv3d",
    "ConvTranspose2d": "._conv_transpose2d",
    "Correlated": "._correlated",
    "DelayWidth": "._delay_width",
    "DistanceDependent": "._distance_dependent",
    "Dropout": "._dropout",
    "TimeLinear": "._time_linear",
    "Ends": "._connectivity",
    "FixedInDegree": "._fixed_in_degree",
    "FixedOutDegree": "._fixed_out_degree",
    "FixedProbability": "._fixed_probability",
    "FixedTotal": "._fixed_total",
    "FromArrays": "._from_arrays",
    "FromEdges": "._from_edges",
    "FromGraph": "._from_graph",
    "FromMatrix": "._from_matrix",
    "Grid": "._positions",
    "LateralInhibition": "._lateral_inhibition",
    "Linear": "._linear",
    "OneToOne": "._one_to_one",
    "PositionCode": "._position_code",
    "Positions": "._positions",
    "Procedural": "._procedural",
    "ProceduralSynapses": "._procedural",
    "RandomPositions": "._positions",
    "RowRule": "._connectivity",
    "Share": "._share",
    "Shared": "._share",
    "SmallWorld": "._small_world",
    "Sparse": "._sparse",
    "SpikeCoding": "._spike_coding",
    "StepBatchNorm": "._norm",
    "SumOfChannels": "._shared_sums",
    "SumOfPlaces": "._shared_sums",
    "TemporalBatchNorm": "._norm_of_steps",
    "SynapseRequest": "._build",
    "SubmanifoldConv2d": "._submanifold",
    "SubmanifoldConv3d": "._submanifold",
    "Synapses": "._synapses",
    "Transform": ".transform",
    "ThresholdBatchNorm": "._norm",
    "Where": "._where",
    "build_synapses": "._build",
    "connectome": "._connectome",
    "delay_parameters": ".delays",
    "delays_of": ".delays",
    "latency_steps": "._linear",
    "place": "._positions",
    "profiles": ".profiles",
    "travel_time": "._travel_time",
}

__getattr__, __dir__ = page(__name__, _PUBLIC)
