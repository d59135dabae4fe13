"""Ranvier: one framework to simulate, train, fit, measure and deploy spiking neural systems.

Public names load on first use, so that ``import ranvier`` stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Public name -> the module that holds it; a name equal to the last part of its module is that module itself.
_PUBLIC: dict[str, str] = {
    "ALIF": "ranvier.neurons",
    "AdEx": "ranvier.neurons",
    "AllToAll": "ranvier.connectivity",
    "Alpha": "ranvier.synapses",
    "Blocks": "ranvier.connectivity",
    "Cell": "ranvier.neurons",
    "Clipped": "ranvier.values",
    "Clustered": "ranvier.connectivity",
    "Conductance": "ranvier.synapses",
    "Conv2d": "ranvier.connectivity",
    "Correlated": "ranvier.connectivity",
    "Current": "ranvier.synapses",
    "CurrentLIF": "ranvier.neurons",
    "DelayWidth": "ranvier.connectivity",
    "DistanceDependent": "ranvier.connectivity",
    "DoubleExponential": "ranvier.synapses",
    "Exponential": "ranvier.synapses",
    "Exponentially": "ranvier.values",
    "Fit": "ranvier.training",
    "FixedInDegree": "ranvier.connectivity",
    "FixedOutDegree": "ranvier.connectivity",
    "FixedProbability": "ranvier.connectivity",
    "FixedTotal": "ranvier.connectivity",
    "FromArrays": "ranvier.connectivity",
    "FromEdges": "ranvier.connectivity",
    "FromGraph": "ranvier.connectivity",
    "FromMatrix": "ranvier.connectivity",
    "GapJunction": "ranvier.synapses",
    "Grid": "ranvier.connectivity",
    "HodgkinHuxley": "ranvier.neurons",
    "Izhikevich": "ranvier.neurons",
    "LIF": "ranvier.neurons",
    "LeakyReadout": "ranvier.neurons",
    "Learn": "ranvier.values",
    "Linear": "ranvier.connectivity",
    "LogNormal": "ranvier.values",
    "NMDA": "ranvier.synapses",
    "Network": "ranvier.network",
    "Normal": "ranvier.values",
    "OneToOne": "ranvier.connectivity",
    "OrnsteinUhlenbeck": "ranvier.network",
    "Part": "ranvier.neurons",
    "Plan": "ranvier.network",
    "Plasticity": "ranvier.synapses",
    "Poisson": "ranvier.network",
    "PoissonDrive": "ranvier.network",
    "PoissonInput": "ranvier.network",
    "Positions": "ranvier.connectivity",
    "Procedural": "ranvier.connectivity",
    "RandomPositions": "ranvier.connectivity",
    "Recurrent": "ranvier.network",
    "Relay": "ranvier.network",
    "Residual": "ranvier.network",
    "Sample": "ranvier.network",
    "Sequential": "ranvier.network",
    "Signal": "ranvier.network",
    "SmallWorld": "ranvier.connectivity",
    "SpikeStatistics": "ranvier.network",
    "SpikeTrains": "ranvier.network",
    "State": "ranvier.network",
    "StepBatchNorm": "ranvier.connectivity",
    "Stimulus": "ranvier.network",
    "StochasticRelease": "ranvier.synapses",
    "ThresholdBatchNorm": "ranvier.connectivity",
    "TimedArray": "ranvier.network",
    "TraubMiles": "ranvier.neurons",
    "TsodyksMarkram": "ranvier.synapses",
    "Uniform": "ranvier.values",
    "blocks": "ranvier.blocks",
    "compare_rounding": "ranvier.network",
    "connectome": "ranvier.connectivity",
    "data": "ranvier.data",
    "delay_parameters": "ranvier.connectivity",
    "encoding": "ranvier.encoding",
    "errors": "ranvier.errors",
    "fold_norms": "ranvier.network",
    "initialize": "ranvier.training",
    "load": "ranvier.network",
    "load_records": "ranvier.network",
    "load_state": "ranvier.network",
    "losses": "ranvier.training",
    "plasticity": "ranvier.plasticity",
    "plot": "ranvier.plot",
    "profiles": "ranvier.connectivity",
    "ramp_current": "ranvier.network",
    "recipes": "ranvier.recipes",
    "regularizers": "ranvier.training",
    "rounded_delays": "ranvier.network",
    "rules": "ranvier.training",
    "save": "ranvier.network",
    "save_state": "ranvier.network",
    "shrink_steps": "ranvier.training",
    "sine_current": "ranvier.network",
    "step_current": "ranvier.network",
    "surrogates": "ranvier.surrogates",
    "train": "ranvier.training",
    "travel_time": "ranvier.connectivity",
    "units": "ranvier.units",
}

__all__ = ["__version__", *_PUBLIC]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    module_name = _PUBLIC.get(name)
    if module_name is None:
        raise AttributeError(f"module 'ranvier' has no attribute {name!r}; dir(ranvier) lists what there is")
    module = import_module(module_name)
    value = module if module_name == f"ranvier.{name}" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
