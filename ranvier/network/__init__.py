"""Networks as values: populations, projections, state, plans and the executor that runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier._pages import page

if TYPE_CHECKING:
    from ranvier.network._fold import fold_norms
    from ranvier.network._gradient_run import GradientRun, Signals
    from ranvier.network._graph import GraphError
    from ranvier.network._lengths import silence_after, take_lengths
    from ranvier.network._modes import in_own_precision
    from ranvier.network._network import Network
    from ranvier.network._plan import Choice, Plan
    from ranvier.network._poisson import Poisson
    from ranvier.network._population import Population, Relay
    from ranvier.network._projection import Projection
    from ranvier.network._residual import Residual
    from ranvier.network._rounding import RoundingReport, compare_rounding, rounded_delays
    from ranvier.network._run import Run, SpikeTrain
    from ranvier.network._save import load, load_state, save, save_state
    from ranvier.network._sequential import Recurrent, Sequential
    from ranvier.network._sources import Source, SpikeTrains, TimedArray
    from ranvier.network._state import State
    from ranvier.network._step_graph import step_graph
    from ranvier.network._stimuli import (
        OrnsteinUhlenbeck,
        Signal,
        Stimulus,
        ramp_current,
        sine_current,
        step_current,
    )
    from ranvier.network.recording import Sample, SpikeStatistics, Statistics, load_records

__all__ = [
    "Choice",
    "GradientRun",
    "GraphError",
    "Network",
    "OrnsteinUhlenbeck",
    "Plan",
    "Poisson",
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
    "in_own_precision",
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
    "step_graph",
    "take_lengths",
]

# Public name -> the module that holds it.
_PUBLIC: dict[str, str] = {
    "Choice": "._plan",
    "GradientRun": "._gradient_run",
    "GraphError": "._graph",
    "Network": "._network",
    "OrnsteinUhlenbeck": "._stimuli",
    "Plan": "._plan",
    "Poisson": "._poisson",
    "Population": "._population",
    "Projection": "._projection",
    "Recurrent": "._sequential",
    "Relay": "._population",
    "Residual": "._residual",
    "RoundingReport": "._rounding",
    "Run": "._run",
    "Sample": ".recording",
    "Sequential": "._sequential",
    "Signal": "._stimuli",
    "Signals": "._gradient_run",
    "Source": "._sources",
    "SpikeStatistics": ".recording",
    "SpikeTrain": "._run",
    "SpikeTrains": "._sources",
    "State": "._state",
    "Statistics": ".recording",
    "Stimulus": "._stimuli",
    "TimedArray": "._sources",
    "compare_rounding": "._rounding",
    "fold_norms": "._fold",
    "in_own_precision": "._modes",
    "load": "._save",
    "load_records": ".recording",
    "load_state": "._save",
    "ramp_current": "._stimuli",
    "rounded_delays": "._rounding",
    "save": "._save",
    "save_state": "._save",
    "silence_after": "._lengths",
    "sine_current": "._stimuli",
    "step_current": "._stimuli",
    "step_graph": "._step_graph",
    "take_lengths": "._lengths",
}

__getattr__, __dir__ = page(__name__, _PUBLIC)
