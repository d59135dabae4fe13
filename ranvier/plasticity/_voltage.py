"""STDP that looks at the membrane potential."""

from __future__ import annotations

from typing import Any

from ranvier.neurons import Part
from ranvier.synapses import Plasticity
from ranvier.synapses.ranges import require
from ranvier.units import ms, mV

__all__ = ["VoltageSTDP", "VoltageTraces"]


def VoltageTraces(v: str = "v", *, tau_low: Any = 10 * ms, tau_high: Any = 7 * ms, start: Any = -70 * mV) -> Part:
    """Two low-pass filters of the membrane, which :func:`VoltageSTDP` reads.

    dv_low/dt = (v - v_low)/tau_low, dv_high/dt = (v - v_high)/tau_high.

    Parameters
    ----------
    v
        The membrane [mV].
    tau_low, tau_high
        Time constants of the filters that depression (u_- of the source) and potentiation (u_+) look at [ms].
    start
        Where both begin [mV].

    Source: Clopath, Büsing, Vasilaki & Gerstner, Nature Neuroscience 2010.

    >>> cell = rv.AdEx() + rv.plasticity.VoltageTraces()
    """
    text = f"""
    dv_low/dt = ({v} - v_low)/tau_low : mV
    dv_high/dt = ({v} - v_high)/tau_high : mV
    """
    return Part(text, tau_low=tau_low, tau_high=tau_high, v_low=start, v_high=start)


def VoltageSTDP(
    *, A_minus: Any = 14e-5 / mV, A_plus: Any = 8e-5 / mV**2, theta_minus: Any = -70.6 * mV, theta_plus: Any = -45.3 * mV,
    tau_x: Any = 15 * ms, w_max: Any = 1.0, v: str = "v",
) -> Plasticity:  # fmt: skip
    """Depression at input spikes and potentiation while the membrane is high, both by its filtered past.

    At an input spike w -= A_minus*[v_low - theta_minus]_+; at all times
    dw/dt = A_plus*(x/tau_x)*[v - theta_plus]_+*[v_high - theta_minus]_+, where the trace x grows by 1 at input spikes and
    decays with tau_x; w is clipped to [0, w_max]. The cell needs :func:`VoltageTraces`.

    Parameters
    ----------
    A_minus, A_plus
        Sizes of the changes, in the unit of the weight per mV and per mV**2.
    theta_minus, theta_plus
        Where the filtered and the momentary membrane begin to count [mV].
    tau_x
        How long the trace of input spikes lasts [ms].
    w_max
        Largest weight, in the unit of the weight.
    v
        The membrane of the cell.

    Source: Clopath, Büsing, Vasilaki & Gerstner, Nature Neuroscience 2010 (visual cortex, without its homeostatic factor;
    v is read after the reset, so potentiation needs a membrane that rises above theta_plus before the threshold).

    >>> cell = rv.AdEx() + rv.plasticity.VoltageTraces() + rv.Conductance("g_e", E=0*mV) + rv.Exponential("g_e", tau=5*ms)
    >>> rule = rv.plasticity.VoltageSTDP(A_minus=14e-8*uS/mV, A_plus=8e-8*uS/mV**2, w_max=0.002*uS)
    """
    require("VoltageSTDP", 0, w_max=w_max)
    return Plasticity(
        "dx/dt = -x/tau_x : 1",
        on_pre="w = clip(w - A_minus*maximum(v_low_post - theta_minus, 0*mV), 0, w_max); x += 1",
        every_step=f"""
        w = clip(w + dt*A_plus*x/tau_x*maximum({v}_post - theta_plus, 0*mV)*maximum(v_high_post - theta_minus, 0*mV), 0, w_max)
        """,
        name="VoltageSTDP", A_minus=A_minus, A_plus=A_plus, theta_minus=theta_minus, theta_plus=theta_plus,
        tau_x=tau_x, w_max=w_max,
    )  # fmt: skip
