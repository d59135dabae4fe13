"""The cpu provider: vector code generated through LLVM from the same programs the reference runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier._pages import page

if TYPE_CHECKING:
    from ranvier.kernels.cpu.circuit.run import Circuits, run_circuit
    from ranvier.kernels.cpu.circuit.trials import Trials
    from ranvier.kernels.cpu.draw.run import run_draw
    from ranvier.kernels.cpu.fused.run import run_fused
    from ranvier.kernels.cpu.fused.series import FusedSeries
    from ranvier.kernels.cpu.scan.run import run_scan

__all__ = ["Circuits", "FusedSeries", "Trials", "run_circuit", "run_draw", "run_fused", "run_scan"]

# Public name -> the module that holds it.
_PUBLIC: dict[str, str] = {
    "Circuits": ".circuit.run",
    "FusedSeries": ".fused.series",
    "Trials": ".circuit.trials",
    "run_circuit": ".circuit.run",
    "run_draw": ".draw.run",
    "run_fused": ".fused.run",
    "run_scan": ".scan.run",
}

__getattr__, __dir__ = page(__name__, _PUBLIC)
