"""The cpu provider: vector code generated through LLVM from the same programs the reference runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from ranvier._pages import page

if TYPE_CHECKING:
    from ranvier.kernels.cpu.circuit.run import (
        CircuitDrive,
        CircuitPopulation,
        CircuitProjection,
        PlasticProjection,
        run_circuit,
    )
    from ranvier.kernels.cpu.fused.run import loop
    from ranvier.kernels.cpu.fused.series import LoopSeries
    from ranvier.kernels.cpu.host.spikes import Spikes
    from ranvier.kernels.cpu.plastic.rule import Additive, Decay, RowRule
    from ranvier.kernels.cpu.scan.run import run_scan

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
    "run_scan",
]

# Public name -> the module that holds it.
_PUBLIC: dict[str, str] = {
    "Additive": ".plastic.rule",
    "CircuitDrive": ".circuit.run",
    "CircuitPopulation": ".circuit.run",
    "CircuitProjection": ".circuit.run",
    "Decay": ".plastic.rule",
    "LoopSeries": ".fused.series",
    "PlasticProjection": ".circuit.run",
    "RowRule": ".plastic.rule",
    "Spikes": ".host.spikes",
    "loop": ".fused.run",
    "run_circuit": ".circuit.run",
    "run_scan": ".scan.run",
}

__getattr__, __dir__ = page(__name__, _PUBLIC)


def refuses(request: Any) -> str | None:
    """Why this provider cannot honour a request, as a sentence; None where it can."""
    if request.device != "cpu":
        return f"the cpu provider runs on the CPU, the network lives on {request.device}"
    if request.dtype not in (torch.float32, torch.float64):
        return f"the cpu provider has float32 and float64, not {request.dtype}"
    return None
