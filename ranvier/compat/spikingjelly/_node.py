"""What all cells of SpikingJelly have in common: charge, fire where v >= v_threshold, reset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ranvier.compat.arguments import CompatError, chosen, one_of, switch, value
from ranvier.neurons import Cell
from ranvier.surrogates import Sigmoid

__all__ = ["leak", "node"]

_OURS = {
    "Sigmoid(alpha=4.0)": "rv.surrogates.Sigmoid(alpha=4.0)",
    "ATan(alpha=2.0)": "rv.surrogates.ArcTan(alpha=2.0)",
}


def leak(v_reset: Any) -> str:
    """The distance of v from its rest, which is the reset potential where there is one."""
    return "v" if v_reset is None else "(v - v_reset)"


def node(
    cell: str, equations: str, v_threshold: Any, v_reset: Any, surrogate_function: Any, detach_reset: Any, step_mode: Any,
    store_v_seq: Any, size: Any, values: Mapping[str, Any], compared: str = "v", less: str = "V_th",
) -> Cell:  # fmt: skip
    """A cell that fires where ``compared`` >= V_th, and then loses ``less`` (``v_reset=None``) or goes to ``v_reset``."""
    one_of(cell, "step_mode", step_mode, ("s", "m"))
    switch(cell, "store_v_seq", store_v_seq)
    tau = value(values.get("tau", 2.0))
    if not isinstance(tau, float | int) or not tau > 1:
        raise CompatError(f"{cell}: tau={tau!r} must be a number of steps above 1, without a unit.")
    reset = {} if v_reset is None else {"v_reset": value(v_reset), "v": value(v_reset)}
    return Cell(
        f"{equations}\nx : 1 (input)",
        threshold=f"{compared} >= V_th", reset=f"v -= {less}" if v_reset is None else "v = v_reset", name=cell.lower(),
        surrogate=chosen(cell, "surrogate_function", surrogate_function, Sigmoid(4.0), _OURS),
        reset_gradient="detached" if switch(cell, "detach_reset", detach_reset) else "surrogate",
        size=size, V_th=value(v_threshold), **reset, **values,
    )  # fmt: skip
