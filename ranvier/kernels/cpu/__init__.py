"""The cpu provider: vector code generated through LLVM from the same programs the reference runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from ranvier._pages import page

if TYPE_CHECKING:
    from ranvier.kernels.cpu._circuit import (
        CircuitDrive,
        CircuitPopulation,
        CircuitProjection,
        PlasticProjection,
        run_circuit,
    )
    from ranvier.kernels.cpu._loop import loop
    from ranvier.kernels.cpu._loop_series import LoopSeries
    from ranvier.kernels.cpu._row_rule import Additive, Decay, RowRule
    from ranvier.kernels.cpu._scan import scan
    from ranvier.kernels.cpu._spikes import Spikes

__all__ = [
    "Additive",
    "CircuitDrive",
    "CircuitPopulation",
    "CircuitProjection",
    "Decay",
    "LoopSeries",
    "PlasticProjection",
    "RowRule",
    "Spikes",
    "loop",
    "refuses",
    "run_circuit",
    "scan",
]

# Public name -> the module that holds it.
_PUBLIC: dict[str, str] = {
    "Additive": "._row_rule",
    "CircuitDrive": "._circuit",
    "CircuitPopulation": "._circuit",
    "CircuitProjection": "._circuit",
    "Decay": "._row_rule",
    "LoopSeries": "._loop_series",
    "PlasticProjection": "._circuit",
    "RowRule": "._row_rule",
    "Spikes": "._spikes",
    "loop": "._loop",
    "run_circuit": "._circuit",
    "scan": "._scan",
}

__getattr__, __dir__ = page(__name__, _PUBLIC)


def refuses(request: Any) -> str | None:
    """Why this provider cannot honour a request, as a sentence; None where it can."""
    if request.device != "cpu":
        return f"the cpu provider runs on the CPU, the network lives on {request.device}"
    if request.dtype not in (torch.float32, torch.float64):
        return f"the cpu provider has float32 and float64, not {request.dtype}"
    return None
