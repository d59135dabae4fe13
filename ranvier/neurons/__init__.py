"""Cells: neuron models as records of equations, with defaults from the literature."""

from ranvier.neurons._adex import AdEx
from ranvier.neurons._cell import Cell
from ranvier.neurons._dynamic_threshold import DynamicThreshold
from ranvier.neurons._hodgkin_huxley import HodgkinHuxley, TraubMiles
from ranvier.neurons._integrate_and_fire import ALIF, IF, LIF, CurrentLIF, LeakyReadout
from ranvier.neurons._izhikevich import IZHIKEVICH_KINDS, Izhikevich
from ranvier.neurons._membrane_norm import CellNorm, MembraneNorm
from ranvier.neurons._membrane_rectifier import MembraneRectifier
from ranvier.neurons._part import Part
from ranvier.neurons._relative_threshold import RelativeThreshold
from ranvier.neurons._resonate_and_fire import ResonateAndFire
from ranvier.neurons._sliding_psn import SlidingPSN
from ranvier.neurons._state_space import StateSpace
from ranvier.neurons._stochastic_lif import StochasticLIF

__all__ = [
    "ALIF",
    "IF",
    "IZHIKEVICH_KINDS",
    "LIF",
    "AdEx",
    "Cell",
    "CellNorm",
    "CurrentLIF",
    "DynamicThreshold",
    "HodgkinHuxley",
    "Izhikevich",
    "LeakyReadout",
    "MembraneNorm",
    "MembraneRectifier",
    "Part",
    "RelativeThreshold",
    "ResonateAndFire",
    "SlidingPSN",
    "StateSpace",
    "StochasticLIF",
    "TraubMiles",
]
