"""What all cells of SpikingJelly have in common: charge, fire where v >= v_threshold, reset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ranvier.compat.arguments import CompatError, chosen, one_of, switch, value
from ranvier.neurons import Cell
from ranvier.surrogates import Sigmoid

__all__ = ["charge", "check_above_one", "node"]

_OURS = {
    "Sigmoid(alpha=4.0)": "rv.surrogates.Sigmoid(alpha=4.0)",
    "ATan(alpha=2.0)": "rv.surrogates.ArcTan(alpha=2.0)",
}


def charge(cell: str, v_reset: Any, decay_input: Any, rate: str) -> str:
    """The next v of a leaky cell, whose rest is the reset potential where there is one; ``rate`` is ``"/tau"`` or ``"*rate"``."""
    leak = "v" if v_reset is None else "(v - v_reset)"
    return f"v + (x - {leak}){rate}" if switch(cell, "decay_input", decay_input) else f"v - {leak}{rate} + x"


def check_above_one(cell: str, name: str, steps: Any) -> None:
    """Raise a :class:`CompatError` unless a time constant is one number of steps above 1."""
    if not isinstance(steps, float | int) or not steps > 1:
        raise CompatError(f"{cell}: {name}={steps!r} must be a number of steps above 1, without a unit.")


def node(
    cell: str, equations: str, v_threshold: Any, v_reset: Any, surrogate_function: Any, detach_reset: Any, step_mode: Any,
    store_v_seq: Any, size: Any, values: Mapping[str, Any], compared: str = "v", less: str = "V_th",
) -> Cell:  # fmt: skip
    """A cell that fires where ``compared`` >= V_th, and then loses ``less`` (``v_reset=None``) or goes to ``v_reset``."""
    one_of(cell, "step_mode", step_mode, ("s", "m"))
    switch(cell, "store_v_seq", store_v_seq)
    if "tau" in values:
        check_above_one(cell, "tau", value(values["tau"]))
    reset = {} if v_reset is None else {"v_reset": value(v_reset), "v": value(v_reset)}
    return Cell(
        f"{equations}\nx : 1 (input)",
        threshold=f"{compared} >= V_th", reset=f"v -= {less}" if v_reset is None else "v = v_reset", name=cell.lower(),
        surrogate=chosen(cell, "surrogate_function", surrogate_function, Sigmoid(4.0), _OURS),
        reset_gradient="detached" if switch(cell, "detach_reset", detach_reset) else "surrogate",
        size=size, V_th=value(v_threshold), **reset, **values,
    )  # fmt: skip
