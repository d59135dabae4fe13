"""Networks as values: populations, projections, state, plans and the executor that runs them."""

from ranvier.network._fold import fold_norms
from ranvier.network._gradient_run import GradientRun, Signals
from ranvier.network._graph import GraphError
from ranvier.network._lengths import silence_after, take_lengths
from ranvier.network._network import Network
from ranvier.network._plan import Choice, Plan
from ranvier.network._poisson_drive import PoissonDrive
from ranvier.network._population import Population, Relay
from ranvier.network._projection import Projection
from ranvier.network._recording import Sample, SpikeStatistics, Statistics, load_records
from ranvier.network._residual import Residual
from ranvier.network._rounding import RoundingReport, compare_rounding, rounded_delays
from ranvier.network._run import Run, SpikeTrain
from ranvier.network._save import load, load_state, save, save_state
from ranvier.network._sequential import Recurrent, Sequential
from ranvier.network._sources import Poisson, Source, SpikeTrains, TimedArray
from ranvier.network._state import State
from ranvier.network._stimuli import (
    OrnsteinUhlenbeck,
    PoissonInput,
    Signal,
    Stimulus,
    ramp_current,
    sine_current,
    step_current,
)

__all__ = [
    "Choice",
    "GradientRun",
    "GraphError",
    "Network",
    "OrnsteinUhlenbeck",
    "Plan",
    "Poisson",
    "PoissonDrive",
    "PoissonInput",
    "Population",
    "Projection",
    "Recurrent",
    "Relay",
    "Residual",
    "RoundingReport",
    "Run",
    "Sample",
    "Sequential",
    "Signal",
    "Signals",
    "Source",
    "SpikeStatistics",
    "SpikeTrain",
    "SpikeTrains",
    "State",
    "Statistics",
    "Stimulus",
    "TimedArray",
    "compare_rounding",
    "fold_norms",
    "load",
    "load_records",
    "load_state",
    "ramp_current",
    "rounded_delays",
    "save",
    "save_state",
    "silence_after",
    "sine_current",
    "step_current",
    "take_lengths",
]
