"""Leaky integrate-and-fire cells, from the discrete one of deep learning to the conductance-driven one of circuits."""

from __future__ import annotations

from typing import Any

from ranvier.neurons._cell import Cell
from ranvier.neurons._habits import checked, endless, refuse_own
from ranvier.units import Mohm, ms, mV, nA

__all__ = ["ALIF", "IF", "LIF", "CurrentLIF", "LeakyReadout"]

Size = int | tuple[int, ...] | None


def LIF(
    size: Size = None, *, tau: Any = 20 * ms, V_th: Any = 1.0, reset: str | None = "v -= V_th", **options: Any
) -> Cell:
    """Leaky integrate-and-fire, the discrete form of deep learning.

    v' = beta*v + x with beta = exp(-dt/tau); a spike where v > V_th, then v -= V_th.

    v [1] membrane, x [1] input per step, tau [ms] time constant, V_th [1] threshold. ``reset`` may be ``"v = 0"``
    or None (the cell is then linear in time). With ``tau=inf`` the cell is its limit without leak, :func:`IF`.
    Source: Neftci, Mostafa & Zenke, IEEE Signal Processing Magazine 2019.

    >>> cell = rv.LIF(256, tau=rv.Learn(10*ms))
    """
    if endless(tau):
        return _without_leak("LIF", size, V_th, reset, options)
    return Cell(
        """
        v' = beta*v + x : 1
        beta = exp(-dt/tau) : 1
        x : 1 (input)
        """,
        threshold="v > V_th", reset=reset, name="lif", size=size, tau=tau, V_th=V_th,
        **checked("LIF", options, tau=tau, V_th=V_th, reset=reset or ""),
    )  # fmt: skip


def IF(size: Size = None, *, V_th: Any = 1.0, reset: str | None = "v -= V_th", **options: Any) -> Cell:
    """Integrate-and-fire without leak: :func:`LIF` with an infinite time constant.

    v' = v + x; a spike where v > V_th, then v -= V_th.

    v [1] membrane, x [1] input per step, V_th [1] threshold. ``reset`` may be ``"v = 0"`` or None.
    Source: Lapicque, Journal de Physiologie et de Pathologie Générale 1907; Abbott, Brain Research Bulletin 1999.

    >>> cell = rv.IF(256, V_th=rv.Learn(1.0))
    """
    return _without_leak("IF", size, V_th, reset, options)


def _without_leak(name: str, size: Size, V_th: Any, reset: str | None, options: dict[str, Any]) -> Cell:
    """v' = v + x, made under the ``name`` of a ready cell."""
    return Cell(
        """
        v' = v + x : 1
        x : 1 (input)
        """,
        threshold="v > V_th", reset=reset, name=name.lower(), size=size, V_th=V_th,
        **checked(name, options, V_th=V_th, reset=reset or ""),
    )  # fmt: skip


def LeakyReadout(size: Size = None, *, tau: Any = 20 * ms, **options: Any) -> Cell:
    """A leaky integrator that never fires and emits its membrane.

    v' = beta*v + (1 - beta)*x with beta = exp(-dt/tau).

    Source: Neftci, Mostafa & Zenke, IEEE Signal Processing Magazine 2019.

    >>> cell = rv.LeakyReadout(20, tau=20*ms)
    """
    return Cell(
        """
        v' = beta*v + (1 - beta)*x : 1
        beta = exp(-dt/tau) : 1
        x : 1 (input)
        """,
        emit="v", name="readout", size=size, tau=tau, **checked("LeakyReadout", options, tau=tau),
    )  # fmt: skip


def ALIF(
    size: Size = None, *, tau: Any = 20 * ms, tau_a: Any = 200 * ms, beta_a: Any = 1.8, V_th: Any = 1.0, **options: Any
) -> Cell:
    """Adaptive-threshold LIF: every spike raises the threshold, which relaxes back.

    v' = beta*v + x, a' = rho*a, a spike where v > V_th + beta_a*a, then v -= V_th + beta_a*a and a += 1 - rho;
    beta = exp(-dt/tau), rho = exp(-dt/tau_a). Source: Bellec et al., NeurIPS 2018 (LSNN).

    >>> cell = rv.ALIF(256, tau_a=rv.Learn(200*ms))
    """
    refuse_own("ALIF", options, "reset")
    return Cell(
        """
        v' = beta*v + x : 1
        a' = rho*a : 1
        beta = exp(-dt/tau) : 1
        rho = exp(-dt/tau_a) : 1
        x : 1 (input)
        """,
        threshold="v > V_th + beta_a*a", reset="v -= V_th + beta_a*a; a += 1 - rho", name="alif", size=size,
        tau=tau, tau_a=tau_a, beta_a=beta_a, V_th=V_th, **checked("ALIF", options, V_th=V_th, tau=tau, tau_a=tau_a),
    )  # fmt: skip


def CurrentLIF(
    size: Size = None, *, tau_m: Any = 10 * ms, tau_s: Any = 2 * ms, R: Any = 40 * Mohm, E_L: Any = -65 * mV,
    V_th: Any = -50 * mV, V_r: Any = -65 * mV, I_e: Any = 0 * nA, refractory: Any = 2 * ms, **options: Any,
) -> Cell:  # fmt: skip
    """Leaky integrate-and-fire driven by exponentially decaying synaptic current; advanced exactly.

    dv/dt = (E_L - v + R*(I + I_e))/tau_m (unless refractory), dI/dt = -I/tau_s; a spike where v >= V_th, then v = V_r.

    Projections arrive on I (nA). ``refractory=None`` leaves the refractory period out. Defaults: Potjans & Diesmann, Cerebral Cortex 2014 (R = tau_m/250 pF).
    Source: Rotter & Diesmann, Biological Cybernetics 1999.

    >>> cell = rv.CurrentLIF(100, tau_s=5*ms, I_e=0.3*nA)
    """
    refuse_own("CurrentLIF", options, "reset")
    frozen = "" if refractory is None else "(unless refractory)"
    return Cell(
        f"""
        dv/dt = (E_L - v + R*(I + I_e))/tau_m : mV {frozen}
        dI/dt = -I/tau_s : nA
        """,
        threshold="v >= V_th", reset="v = V_r", refractory=refractory, name="lif", size=size,
        tau_m=tau_m, tau_s=tau_s, R=R, E_L=E_L, V_th=V_th, V_r=V_r, I_e=I_e,
        **{"v": E_L, **checked("CurrentLIF", options, tau_m=tau_m, tau_s=tau_s)},
    )  # fmt: skip
