"""What the cells of Sinabs have in common: decays that learn, the surrogate, and which spikes they count."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier.compat.arguments import CompatError, chosen, one_of, refuse, switch, value
from ranvier.surrogates import Surrogate
from ranvier.values import Learn

__all__ = ["Decay", "decay", "resets", "size_of", "slope", "spikes"]

_OURS = {
    "SingleExponential(0.5, 1.0)": "rv.surrogates.Surrogate('exp(-abs(u)/0.5)/0.5')",
    "Gaussian(0.0, 0.5)": "rv.surrogates.Gaussian(sigma=0.5)",
}

#: a line of equations and its value
Decay = tuple[str, dict[str, Any]]


def decay(cell: str, name: str, tau: Any, train_alphas: Any) -> Decay:
    """The factor ``alpha_NAME`` of one step, from tau_NAME in steps; one of both learns."""
    steps = value(tau)
    if isinstance(steps, Learn) or not np.all(np.asarray(steps, float) > 0):
        raise CompatError(
            f"{cell}: tau_{name}={tau!r} must be a number of steps above 0, without a unit; it is learnt in any case."
        )
    if switch(cell, "train_alphas", train_alphas):
        return "", {f"alpha_{name}": Learn(np.exp(-1 / np.asarray(steps, float))[()])}
    return f"alpha_{name} = exp(-1/tau_{name}) : 1", {f"tau_{name}": Learn(steps)}


def slope(cell: str, given: Any, width: float) -> Surrogate:
    """The surrogate; the default falls off exponentially with half of ``width``."""
    own = Surrogate("exp(-abs(u)/w)/w", w=0.5 * width)
    return chosen(cell, "surrogate_grad_fn", given, own, _OURS)


def spikes(cell: str, spike_fn: Any) -> bool:
    """Whether a cell sends as many spikes in a step as its membrane has thresholds."""
    return one_of(cell, "spike_fn", spike_fn, ("MultiSpike", "SingleSpike")) == "MultiSpike"


def resets(cell: str, reset_fn: Any) -> bool:
    """Whether a spike subtracts the threshold; else it clears the membrane."""
    for name in ("subtract_value", "reset_value"):
        refuse(cell, {name: (getattr(reset_fn, name, None) or None, None, "write the cell's equations, rv.Cell(…)")})
    return one_of(cell, "reset_fn", reset_fn, ("MembraneSubtract", "MembraneReset")) == "MembraneSubtract"


def size_of(cell: str, shape: Any, size: Any, record_states: Any) -> Any:
    """The cells of a sample: ``size``, or ``shape`` without its first axis, the batch."""
    switch(cell, "record_states", record_states)
    return tuple(shape[1:]) if size is None and shape is not None else size
