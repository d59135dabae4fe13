"""A diagonal state space for each channel, with a threshold on what it reads out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ranvier.errors import EquationError
from ranvier.neurons._cell import Cell
from ranvier.neurons._habits import checked
from ranvier.units import ms
from ranvier.values import Learn, LogNormal, Normal, is_whole

__all__ = ["StateSpace"]

#: frequencies of M modes at the start
_STARTS = {
    "S4D-Lin": lambda modes: math.pi * np.arange(modes),
    "S4D-Inv": lambda modes: 2 * modes / math.pi * (2 * modes / (2 * np.arange(modes) + 1) - 1),
}
#: the decay of a mode never falls below this
_LEAST_DECAY = 1e-3
_MOST = 32


def StateSpace(
    size: int | tuple[int, ...] | None = None, *, modes: int = 8, start: str = "S4D-Lin", tau: Any = None, V_th: Any = None,
    emit: str = "spike", **options: Any,
) -> Cell:  # fmt: skip
    """A diagonal linear state space for each cell, and a spike where its output exceeds a threshold.

    dz_n/dt = ((-p_n + i*q_n)*z_n + x)/tau for n = 0 … modes - 1, with z_n = a_n + i*b_n, advanced exactly for an x that is
    constant during the step (zero-order hold)
    y = sum over n of 2*Re((C_n + i*S_n)*z_n) + D*x; a spike where y > V_th, and no reset.

    Parameters
    ----------
    size
        Number of cells (channels), or a shape.
    modes
        Complex variables of each cell, half of the state size N of S4D.
    start
        Frequencies q_n at the start: ``"S4D-Lin"`` (pi*n) or ``"S4D-Inv"`` (N/pi*(N/(2*n + 1) - 1)); p_n is 1/2. Both approximate HiPPO-LegS.
    tau
        Time constant [ms] that scales all modes, dt/Δ in S4D; None: learnt, drawn from a log-normal distribution around 100 ms.
    V_th
        Threshold of y [1]; None: 1. A state space that emits y has none.
    emit
        ``"y"`` makes it a state space without spikes, whose output y may drive cells such as :func:`LIF`.
    options
        More for :class:`Cell`, and values in place of those at the start: p_0, q_0, C_0, S_0, …, D.

    Every cell learns p_n, q_n, C_n, S_n and D of its own. z_n, y, x [1], p_n, q_n, C_n, S_n, D [1].

    Raises
    ------
    EquationError, DimensionError
        For an unknown start, a number of modes that is not from 1 to 32, or a value with the wrong unit.

    Source: Gu et al., NeurIPS 2022 (S4D); Shen et al., AAAI 2025 (SpikingSSMs).

    >>> net = rv.Sequential(rv.Linear(1, 32), rv.StateSpace(32, modes=4), rv.Linear(32, 10), rv.LeakyReadout(10), dt=1*ms)
    """
    if start not in _STARTS:
        raise EquationError(f"start={start!r} is unknown: use {' or '.join(map(repr, _STARTS))}.", line="StateSpace")
    if not is_whole(modes) or modes > _MOST:
        raise EquationError(f"modes={modes!r} must be a whole number from 1 to {_MOST}.", line="StateSpace")
    if emit not in ("spike", "y"):
        raise EquationError(f"emit={emit!r}: a state space emits 'spike' or 'y'.", line="StateSpace")
    if emit == "y" and V_th is not None:
        raise EquationError(
            f"V_th={V_th!r}: a state space that emits 'y' does not fire; remove V_th.", line="StateSpace"
        )
    V_th = 1.0 if V_th is None else V_th
    tau = Learn(LogNormal(100 * ms, 1.0), min=0.1 * ms) if tau is None else tau
    lines, values = [], dict[str, Any]()
    for n, q in enumerate(_STARTS[start](modes)):
        lines += [
            f"da_{n}/dt = (x - p_{n}*a_{n} - q_{n}*b_{n})/tau : 1",
            f"db_{n}/dt = (q_{n}*a_{n} - p_{n}*b_{n})/tau : 1",
        ]
        values |= {f"p_{n}": Learn(0.5, min=_LEAST_DECAY, each=True), f"q_{n}": Learn(float(q), each=True)}
        values |= {f"{name}_{n}": Learn(Normal(0, math.sqrt(0.5))) for name in "CS"}
    read = " + ".join(f"2*(C_{n}*a_{n} - S_{n}*b_{n})" for n in range(modes))
    fires = {"threshold": "y > V_th", "V_th": V_th} if emit == "spike" else {"emit": emit}
    return Cell(
        "\n".join([*lines, f"y = {read} + D*x : 1", "x : 1 (input)"]), name="ssm", size=size, tau=tau,
        **{**values, "D": Learn(Normal(0, 1)), **fires, **checked("StateSpace", options, V_th=V_th, tau=tau)},
    )  # fmt: skip
