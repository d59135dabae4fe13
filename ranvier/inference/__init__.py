"""Decide early: read a network out while it runs, stop each sample once its class is sure, and measure what that costs."""

from ranvier.inference._cutoff import GapCutoff, LearnedCutoff
from ranvier.inference._decoded import DecodedConfidence
from ranvier.inference._early_exit import Decisions, EarlyExit
from ranvier.inference._oracle import oracle
from ranvier.inference._readout import Readout, running
from ranvier.inference._report import Report
from ranvier.inference._rule import Entropy, Margin, MaxSoftmax, StopRule
from ranvier.inference.choice import Calibration, harm_bound

__all__ = [
    "Calibration",
    "Decisions",
    "DecodedConfidence",
    "EarlyExit",
    "Entropy",
    "GapCutoff",
    "LearnedCutoff",
    "Margin",
    "MaxSoftmax",
    "Readout",
    "Report",
    "StopRule",
    "harm_bound",
    "oracle",
    "running",
]
