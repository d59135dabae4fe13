"""What a network asks of a provider: tasks as records, and what comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier._pages import page

if TYPE_CHECKING:
    from ranvier.kernels.tasks._circuit import (
        Circuit,
        CircuitDrive,
        CircuitPopulation,
        CircuitProjection,
        CircuitResult,
    )
    from ranvier.kernels.tasks._fused import DelayedFeedback, Feed, Feedback, Fused
    from ranvier.kernels.tasks._pattern import Pattern, pattern
    from ranvier.kernels.tasks._plastic import PlasticProjection
    from ranvier.kernels.tasks._rows import RowDraw, RowSource
    from ranvier.kernels.tasks._rule import Additive, Decay, RowRule
    from ranvier.kernels.tasks._scan import Scan, ScanResult
    from ranvier.kernels.tasks._spikes import Spikes

# Public name -> the module that holds it.
_PUBLIC: dict[str, str] = {
    "Additive": "._rule",
    "Circuit": "._circuit",
    "CircuitDrive": "._circuit",
    "CircuitPopulation": "._circuit",
    "CircuitProjection": "._circuit",
    "CircuitResult": "._circuit",
    "Decay": "._rule",
    "DelayedFeedback": "._fused",
    "Feed": "._fused",
    "Feedback": "._fused",
    "Fused": "._fused",
    "Pattern": "._pattern",
    "PlasticProjection": "._plastic",
    "RowDraw": "._rows",
    "RowRule": "._rule",
    "RowSource": "._rows",
    "Scan": "._scan",
    "ScanResult": "._scan",
    "Spikes": "._spikes",
    "pattern": "._pattern",
}

__all__ = [
    "Additive",
    "Circuit",
    "CircuitDrive",
    "CircuitPopulation",
    "CircuitProjection",
    "CircuitResult",
    "Decay",
    "DelayedFeedback",
    "Feed",
    "Feedback",
    "Fused",
    "Pattern",
    "PlasticProjection",
    "RowDraw",
    "RowRule",
    "RowSource",
    "Scan",
    "ScanResult",
    "Spikes",
    "pattern",
]

__getattr__, __dir__ = page(__name__, _PUBLIC)
