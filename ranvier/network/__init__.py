"""Networks as values: populations, projections, state, plans and the executor that runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier._pages import page

if TYPE_CHECKING:
    from ranvier.network.branches import Branches
    from ranvier.network.fold import fold_norms
    from ranvier.network.layer import Layer
    from ranvier.network.lowering import step_graph
    from ranvier.network.network import Network
    from ranvier.network.order import GraphError
    from ranvier.network.output_only import OutputOnly
    from ranvier.network.parts.population import Population, Relay
    from ranvier.network.parts.projection import Projection
    from ranvier.network.plan.plan import Choice, Plan
    from ranvier.network.processes.whole import whole_state
    from ranvier.network.recording import Sample, SpikeStatistics, SpikeTrain, Statistics, load_records
    from ranvier.network.recurrent import Recurrent
    from ranvier.network.residual import Residual
    from ranvier.network.rounding import RoundingReport, compare_rounding, rounded_delays
    from ranvier.network.run.lengths import silence_after, take_lengths
    from ranvier.network.run.modes import own_precision
    from ranvier.network.saving.networks import load, save
    from ranvier.network.sequential import Sequential
    from ranvier.network.simulation.gradient_run import GradientRun, Signals
    from ranvier.network.simulation.run import Run
    from ranvier.network.simulation.stepper import SimulationStepper
    from ranvier.network.state.files import load_state, save_state
    from ranvier.network.state.state import State
    from ranvier.network.stepper import Stepper
    from ranvier.network.stimuli import (
        OrnsteinUhlenbeck,
        Poisson,
        Signal,
        Source,
        SpikeTrains,
        Stimulus,
        TimedArray,
        ramp_current,
        sine_current,
        step_current,
    )
    from ranvier.network.storing import store_weights

__all__ = [
    "Branches",
    "Choice",
    "GradientRun",
    "GraphError",
    "Layer",
    "Network",
    "OrnsteinUhlenbeck",
    "OutputOnly",
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
    "SimulationStepper",
    "Source",
    "SpikeStatistics",
    "SpikeTrain",
    "SpikeTrains",
    "State",
    "Statistics",
    "Stepper",
    "Stimulus",
    "TimedArray",
    "compare_rounding",
    "fold_norms",
    "load",
    "load_records",
    "load_state",
    "own_precision",
    "ramp_current",
    "rounded_delays",
    "save",
    "save_state",
    "silence_after",
    "sine_current",
    "step_current",
    "step_graph",
    "store_weights",
    "take_lengths",
    "whole_state",
]

# Public name -> the module that holds it.
_PUBLIC: dict[str, str] = {
    "Branches": ".branches",
    "Choice": ".plan.plan",
    "GradientRun": ".simulation.gradient_run",
    "GraphError": ".order",
    "Layer": ".layer",
    "Network": ".network",
    "OrnsteinUhlenbeck": ".stimuli",
    "OutputOnly": ".output_only",
    "Plan": ".plan.plan",
    "Poisson": ".stimuli",
    "Population": ".parts.population",
    "Projection": ".parts.projection",
    "Recurrent": ".recurrent",
    "Relay": ".parts.population",
    "Residual": ".residual",
    "RoundingReport": ".rounding",
    "Run": ".simulation.run",
    "Sample": ".recording",
    "Sequential": ".sequential",
    "Signal": ".stimuli",
    "Signals": ".simulation.gradient_run",
    "Source": ".stimuli",
    "SpikeStatistics": ".recording",
    "SpikeTrain": ".recording",
    "SpikeTrains": ".stimuli",
    "State": ".state.state",
    "SimulationStepper": ".simulation.stepper",
    "Stepper": ".stepper",
    "Statistics": ".recording",
    "Stimulus": ".stimuli",
    "TimedArray": ".stimuli",
    "compare_rounding": ".rounding",
    "fold_norms": ".fold",
    "own_precision": ".run.modes",
    "load": ".saving.networks",
    "load_records": ".recording",
    "load_state": ".state.files",
    "ramp_current": ".stimuli",
    "rounded_delays": ".rounding",
    "save": ".saving.networks",
    "save_state": ".state.files",
    "silence_after": ".run.lengths",
    "sine_current": ".stimuli",
    "step_current": ".stimuli",
    "step_graph": ".lowering",
    "store_weights": ".storing",
    "take_lengths": ".run.lengths",
    "whole_state": ".processes.whole",
}

__getattr__, __dir__ = page(__name__, _PUBLIC)
