"""The cpu provider: vector code generated through LLVM from the same programs the reference runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from ranvier._pages import page

if TYPE_CHECKING:
    from ranvier.kernels.cpu.circuit.run import run_circuit
    from ranvier.kernels.cpu.fused.run import run_fused
    from ranvier.kernels.cpu.fused.series import LoopSeries
    from ranvier.kernels.cpu.scan.run import run_scan

__all__ = ["LoopSeries", "refuses", "run_circuit", "run_fused", "run_scan"]

# Public name -> the module that holds it.
_PUBLIC: dict[str, str] = {
    "LoopSeries": ".fused.series",
    "run_circuit": ".circuit.run",
    "run_fused": ".fused.run",
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
