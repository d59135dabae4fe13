"""Names of snnTorch without a twin, and what to write instead."""

from __future__ import annotations

__all__ = ["INSTEAD"]

_KERNEL = "it is Leaky(exp(beta - 1), reset_mechanism='none'), which takes a whole sequence in one call"
_MEMORY = (
    "a cell with gates has no counterpart: try rv.Recurrent(rv.ALIF(n), rv.Linear(n, n)), whose threshold remembers"
)
_NORM = "write rv.BatchNormThroughTime(channels, steps=T)"
INSTEAD = {
    "BatchNormTT1d": _NORM,
    "BatchNormTT2d": _NORM,
    "DeltaLeaky": (
        'write rv.Cell("v\' = beta*v + x : 1\\nd\' = beta*v + x - v : 1\\nx : 1 (input)", threshold="abs(d) > V_th", '
        "beta=0.9, V_th=1.0)"
    ),
    "GradedSpikes": "scale the weights that read the spikes",
    "LeakyParallel": "write rv.Linear(n, m) and Leaky(beta, reset_mechanism='none'); negative membranes are not cut off",
    "LinearLeaky": f"write rv.Linear(n, m) before StateLeaky; {_KERNEL}",
    "SConv2dLSTM": _MEMORY,
    "SLSTM": _MEMORY,
    "StateLeaky": _KERNEL,
}
