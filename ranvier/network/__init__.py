"""Networks as values: populations, projections, state, plans and the executor that runs them."""

from ranvier.network._graph import GraphError
from ranvier.network._network import Network
from ranvier.network._plan import Choice, Plan
from ranvier.network._poisson_input import PoissonInput
from ranvier.network._population import Population, Relay
from ranvier.network._projection import Projection
from ranvier.network._rounding import RoundingReport, compare_rounding, rounded_delays
from ranvier.network._save import load, load_state, save, save_state
from ranvier.network._sequential import Recurrent, Sequential
from ranvier.network._sources import Poisson, Source, SpikeTrains, TimedArray
from ranvier.network._state import State

__all__ = [
    "Choice",
    "GraphError",
    "Network",
    "Plan",
    "Poisson",
    "PoissonInput",
    "Population",
    "Projection",
    "Recurrent",
    "Relay",
    "RoundingReport",
    "Sequential",
    "Source",
    "SpikeTrains",
    "State",
    "TimedArray",
    "compare_rounding",
    "load",
    "load_state",
    "rounded_delays",
    "save",
    "save_state",
]
