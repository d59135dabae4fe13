"""Stimuli: parts of a network that make their own emissions, given, drawn or computed from equations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier._pages import page

if TYPE_CHECKING:
    from ranvier.network.stimuli._equations import Stimulus
    from ranvier.network.stimuli._ornstein_uhlenbeck import OrnsteinUhlenbeck
    from ranvier.network.stimuli._poisson import Poisson
    from ranvier.network.stimuli._signal import Signal, SumOfSignals
    from ranvier.network.stimuli._source import Source
    from ranvier.network.stimuli._spike_trains import SpikeTrains
    from ranvier.network.stimuli._timed_array import TimedArray
    from ranvier.network.stimuli._waveforms import ramp_current, sine_current, step_current

__all__ = [
    "OrnsteinUhlenbeck",
    "Poisson",
    "Signal",
    "Source",
    "SpikeTrains",
    "Stimulus",
    "SumOfSignals",
    "TimedArray",
    "ramp_current",
    "sine_current",
    "step_current",
]

# Public name -> the module that holds it.
_PUBLIC: dict[str, str] = {
    "OrnsteinUhlenbeck": "._ornstein_uhlenbeck",
    "Poisson": "._poisson",
    "Signal": "._signal",
    "Source": "._source",
    "SpikeTrains": "._spike_trains",
    "Stimulus": "._equations",
    "SumOfSignals": "._signal",
    "TimedArray": "._timed_array",
    "ramp_current": "._waveforms",
    "sine_current": "._waveforms",
    "step_current": "._waveforms",
}

__getattr__, __dir__ = page(__name__, _PUBLIC)
