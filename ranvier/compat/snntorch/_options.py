"""What all cells of snnTorch have in common: threshold, surrogate, and settings without a counterpart."""

from __future__ import annotations

from typing import Any

from ranvier.compat.arguments import chosen, refuse, switch, value
from ranvier.surrogates import ArcTan

__all__ = ["common", "learnable"]

_OURS = {
    "atan()": "rv.surrogates.ArcTan(alpha=2.0)",
    "fast_sigmoid(slope=25)": "rv.surrogates.FastSigmoid(alpha=25)",
    "sigmoid(slope=25)": "rv.surrogates.Sigmoid(alpha=25)",
    "straight_through_estimator()": "rv.surrogates.StraightThrough()",
}


def learnable(cell: str, name: str, given: Any, learn: Any) -> Any:
    """The value of an argument, which learns where ``learn``, its argument learn_NAME, says so."""
    return value(given, switch(cell, f"learn_{name}", learn))


def common(
    cell: str, threshold: Any, spike_grad: Any, learn_threshold: bool, *, surrogate_disable: Any = False, init_hidden: Any = False,
    inhibition: Any = False, state_quant: Any = False, output: Any = False, graded_spikes_factor: Any = 1.0,
    learn_graded_spikes_factor: Any = False,
) -> dict[str, Any]:  # fmt: skip
    """Words of ``rv.Cell`` that these arguments make."""
    switch(cell, "init_hidden", init_hidden)
    switch(cell, "output", output)
    refuse(
        cell,
        {
            "surrogate_disable": (surrogate_disable, False, "run without gradient inside torch.no_grad()"),
            "inhibition": (inhibition, False, "let cells inhibit each other, with rv.Recurrent(cell, rv.Linear(n, n))"),
            "state_quant": (state_quant, False, "store weights in few bits with rv.storages; states stay floats"),
            "graded_spikes_factor": (graded_spikes_factor, 1.0, "scale the weights that read the spikes"),
            "learn_graded_spikes_factor": (learn_graded_spikes_factor, False, "learn the weights that read the spikes"),
        },
    )
    return {
        "V_th": learnable(cell, "threshold", threshold, learn_threshold),
        "surrogate": chosen(cell, "spike_grad", spike_grad, ArcTan(2.0), _OURS),
        "reset_gradient": "surrogate",
    }
