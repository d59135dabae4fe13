"""Stimuli made of numbers: signals over time, sums of them, and noise."""

from ranvier.network._stimuli._equations import Stimulus
from ranvier.network._stimuli._ornstein_uhlenbeck import OrnsteinUhlenbeck
from ranvier.network._stimuli._signal import Signal, SumOfSignals
from ranvier.network._stimuli._waveforms import ramp_current, sine_current, step_current

__all__ = [
    "OrnsteinUhlenbeck",
    "Signal",
    "Stimulus",
    "SumOfSignals",
    "ramp_current",
    "sine_current",
    "step_current",
]
