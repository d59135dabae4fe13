"""The adaptive exponential integrate-and-fire cell."""

from __future__ import annotations

from typing import Any

from ranvier.neurons._cell import Cell
from ranvier.neurons._habits import refuse_own
from ranvier.units import ms, mV, nA, nS, pA, pF

__all__ = ["AdEx"]


def AdEx(
    size: int | tuple[int, ...] | None = None, *, C_m: Any = 281 * pF, g_L: Any = 30 * nS, E_L: Any = -70.6 * mV,
    V_T: Any = -50.4 * mV, Delta_T: Any = 2 * mV, tau_w: Any = 144 * ms, a: Any = 4 * nS, b: Any = 80.5 * pA,
    V_r: Any = -70.6 * mV, V_cut: Any = None, method: str | None = "euler", **options: Any,
) -> Cell:  # fmt: skip
    """Adaptive exponential integrate-and-fire: a sharp onset of spikes and a current that adapts.

    dv/dt = (g_L*(E_L - v) + g_L*Delta_T*exp((v - V_T)/Delta_T) - w + I)/C_m
    dw/dt = (a*(v - E_L) - w)/tau_w
    a spike where v > V_cut, then v = V_r and w += b.

    Parameters
    ----------
    size
        Number of cells, or a shape.
    C_m, g_L, E_L
        Membrane capacitance [pF], leak conductance [nS] and its reversal [mV].
    V_T, Delta_T
        Voltage where the exponential starts the spike, and how sharply [mV].
    tau_w, a, b
        Adaptation: time constant [ms], coupling below threshold [nS], step at every spike [pA].
    V_r, V_cut
        Reset voltage, and where the upstroke is cut off [mV]; V_T + 5*Delta_T where V_cut is None, early enough for
        no exponential to overflow.
    method
        Euler's rule, as other simulators choose for it; ``"rk2"`` and ``"rk4"`` are more exact. Their stages end at the cut,
        so that no current is computed from a voltage that the cell never has. See :class:`Cell`.
    options
        More for :class:`Cell`: ``refractory``, ``surrogate``, initial values …

    Projections arrive on the current I (nA). v starts at E_L, w at 0.

    Raises
    ------
    EquationError, DimensionError
        Where a value has the wrong unit, is not finite, or C_m or tau_w is not positive.

    Source: Brette & Gerstner, Journal of Neurophysiology 2005.

    >>> cell = rv.AdEx(100, b=0*pA, tau_w=rv.Learn(100*ms))
    """
    refuse_own("AdEx", options, "equations", "threshold", "reset", "name", V_th=False)
    cut = {} if V_cut is None else {"V_cut": V_cut}
    return Cell(
        """
        dv/dt = (g_L*(E_L - v) + g_L*Delta_T*exp((v - V_T)/Delta_T) - w + I)/C_m : mV
        dw/dt = (a*(v - E_L) - w)/tau_w : nA
        I : nA (input)
        """,
        threshold="v > V_cut" if cut else "v > V_T + 5*Delta_T", reset="v = V_r; w += b", method=method,
        name="adex", size=size, C_m=C_m, g_L=g_L, E_L=E_L, V_T=V_T, Delta_T=Delta_T, tau_w=tau_w, a=a, b=b, V_r=V_r,
        **cut, **{"v": E_L, "w": 0 * nA, **options},
    )  # fmt: skip
