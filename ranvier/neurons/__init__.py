"""Cells: neuron models as records of equations, with defaults from the literature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier._pages import page

if TYPE_CHECKING:
    from ranvier.neurons._adex import AdEx
    from ranvier.neurons._cell import Cell
    from ranvier.neurons._dynamic_threshold import DynamicThreshold
    from ranvier.neurons._hodgkin_huxley import HodgkinHuxley, TraubMiles
    from ranvier.neurons._hoyer_threshold import HoyerThreshold
    from ranvier.neurons._integer_lif import IntegerLIF
    from ranvier.neurons._integrate_and_fire import ALIF, IF, LIF, CurrentLIF, LeakyReadout
    from ranvier.neurons._izhikevich import IZHIKEVICH_KINDS, Izhikevich
    from ranvier.neurons._legendre_memory import LegendreMemory
    from ranvier.neurons._linear_attention import LinearAttention
    from ranvier.neurons._membrane_norm import CellNorm, MembraneNorm
    from ranvier.neurons._membrane_rectifier import MembraneRectifier
    from ranvier.neurons._multi_spike import MultiSpikeIF
    from ranvier.neurons._part import Part
    from ranvier.neurons._relative_threshold import RelativeThreshold
    from ranvier.neurons._resonate_and_fire import ResonateAndFire
    from ranvier.neurons._sliding_psn import SlidingPSN
    from ranvier.neurons._state_space import StateSpace
    from ranvier.neurons._stochastic_lif import StochasticLIF
    from ranvier.neurons._wkv import WKV

__all__ = [
    "ALIF",
    "IF",
    "IZHIKEVICH_KINDS",
    "LIF",
    "WKV",
    "AdEx",
    "Cell",
    "CellNorm",
    "CurrentLIF",
    "DynamicThreshold",
    "HodgkinHuxley",
    "HoyerThreshold",
    "IntegerLIF",
    "Izhikevich",
    "LeakyReadout",
    "LegendreMemory",
    "LinearAttention",
    "MembraneNorm",
    "MembraneRectifier",
    "MultiSpikeIF",
    "Part",
    "RelativeThreshold",
    "ResonateAndFire",
    "SlidingPSN",
    "StateSpace",
    "StochasticLIF",
    "TraubMiles",
]

# Public name -> the module that holds it.
_PUBLIC: dict[str, str] = {
    "ALIF": "._integrate_and_fire",
    "AdEx": "._adex",
    "Cell": "._cell",
    "CellNorm": "._membrane_norm",
    "CurrentLIF": "._integrate_and_fire",
    "DynamicThreshold": "._dynamic_threshold",
    "HodgkinHuxley": "._hodgkin_huxley",
    "HoyerThreshold": "._hoyer_threshold",
    "IF": "._integrate_and_fire",
    "IZHIKEVICH_KINDS": "._izhikevich",
    "IntegerLIF": "._integer_lif",
    "Izhikevich": "._izhikevich",
    "LIF": "._integrate_and_fire",
    "LeakyReadout": "._integrate_and_fire",
    "LegendreMemory": "._legendre_memory",
    "LinearAttention": "._linear_attention",
    "MembraneNorm": "._membrane_norm",
    "MembraneRectifier": "._membrane_rectifier",
    "MultiSpikeIF": "._multi_spike",
    "Part": "._part",
    "RelativeThreshold": "._relative_threshold",
    "ResonateAndFire": "._resonate_and_fire",
    "SlidingPSN": "._sliding_psn",
    "StateSpace": "._state_space",
    "StochasticLIF": "._stochastic_lif",
    "TraubMiles": "._hodgkin_huxley",
    "WKV": "._wkv",
}

__getattr__, __dir__ = page(__name__, _PUBLIC)
