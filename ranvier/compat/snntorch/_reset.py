"""The resets of snnTorch as equations: what a spike does in the next step, or in its own."""

from __future__ import annotations

from typing import Any, NamedTuple

from ranvier.compat.arguments import one_of, switch
from ranvier.neurons import Cell

__all__ = ["SPIKED", "Membrane", "mechanism_of", "membrane"]

#: the spike of the step before: it has no derivative, as snnTorch detaches it
SPIKED = "int(v > V_th)"
_MECHANISMS = ("subtract", "zero", "none")


class Membrane(NamedTuple):
    """Equations of the membrane v, with threshold and reset."""

    equations: str
    threshold: str
    reset: str


def membrane(
    cell: str, charge: str, reset_mechanism: Any, reset_delay: Any = True, zeroed: str | None = None
) -> Membrane:
    """v' = ``charge`` with a reset of snnTorch; ``zeroed`` is the charge in the step after a spike, 0 where None.

    With ``reset_delay`` the reset of a spike acts in the next step. Without, it acts in its own step, and a membrane that
    is still above the threshold after it is reset once more in the next: v is what snnTorch returns, u what it compares.
    """
    how = one_of(cell, "reset_mechanism", reset_mechanism, _MECHANISMS)
    late = switch(cell, "reset_delay", reset_delay)
    if how == "none":
        return Membrane(f"v' = {charge} : 1", "v > V_th", "")
    if how == "subtract":
        compared = f"{charge} - V_th*{SPIKED}"
        if late:
            return Membrane(f"v' = {compared} : 1", "v > V_th", "")
        return Membrane(f"v' = {charge} : 1\nu' = {compared} : 1", "u > V_th", "v -= V_th")
    compared = zeroed or f"(1 - {SPIKED})*({charge})"
    if late:
        return Membrane(f"v' = {compared} : 1", "v > V_th", "")
    return Membrane(f"v' = (1 + {SPIKED})*({compared}) : 1\nu' = {compared} : 1", "u > V_th", "v -= u")


def mechanism_of(cell: Cell) -> str:
    """The reset mechanism of a cell of this package, as its equations say it."""
    text = cell.equations
    if f"V_th*{SPIKED}" in text:
        return "subtract"
    return "zero" if f"(1 - {SPIKED})" in text else "none"
