"""Cells with sodium and potassium channels: the squid axon, and the pyramidal cell of Traub and Miles."""

from __future__ import annotations

from typing import Any

from ranvier.neurons._cell import Cell
from ranvier.neurons._habits import refuse_own
from ranvier.units import cm, mS, ms, mV, uF, um

__all__ = ["HodgkinHuxley", "TraubMiles"]

Size = int | tuple[int, ...] | None
_PER_AREA = cm**2

_MEMBRANE = """
dv/dt = (g_L*(E_L - v) + g_Na*m**3*h*(E_Na - v) + g_K*n**4*(E_K - v) + I/area)/C_m : mV
dm/dt = alpha_m*(1 - m) - beta_m*m : 1
dh/dt = alpha_h*(1 - h) - beta_h*h : 1
dn/dt = alpha_n*(1 - n) - beta_n*n : 1
I : nA (input)
"""


def HodgkinHuxley(
    size: Size = None, *, area: Any = 1e-3 * cm**2, C_m: Any = 1 * uF / _PER_AREA, g_Na: Any = 120 * mS / _PER_AREA,
    g_K: Any = 36 * mS / _PER_AREA, g_L: Any = 0.3 * mS / _PER_AREA, E_Na: Any = 50 * mV, E_K: Any = -77 * mV,
    E_L: Any = -54.387 * mV, V_th: Any = -20 * mV, refractory: Any = 3 * ms,
    method: str | None = "exponential_midpoint", **options: Any,
) -> Cell:  # fmt: skip
    """One compartment of the squid's giant axon, with voltages of the modern convention (rest near -65 mV).

    dv/dt = (g_L*(E_L - v) + g_Na*m**3*h*(E_Na - v) + g_K*n**4*(E_K - v) + I/area)/C_m
    dx/dt = alpha_x*(1 - x) - beta_x*x for x = m, h, n, rates in 1/ms and v in mV:
    alpha_m = 0.1*(v + 40)/(1 - exp(-(v + 40)/10)), beta_m = 4*exp(-(v + 65)/18),
    alpha_h = 0.07*exp(-(v + 65)/20),               beta_h = 1/(1 + exp(-(v + 35)/10)),
    alpha_n = 0.01*(v + 55)/(1 - exp(-(v + 55)/10)), beta_n = 0.125*exp(-(v + 65)/80);
    the quotients have their limits where they are 0/0. A spike where v > V_th, at most one in
    ``refractory``; nothing is reset, the channels do it.

    Parameters
    ----------
    size
        Number of cells, or a shape.
    area
        Of the membrane [cm**2]. The current I is absolute; everything else is per area, so that 10 nA on the default
        area is the textbook's 10 uA/cm**2.
    C_m, g_Na, g_K, g_L
        Capacitance [uF/cm**2]; conductance of sodium, potassium and leak [mS/cm**2].
    E_Na, E_K, E_L
        Reversal potentials [mV].
    V_th, refractory
        A spike is counted where v exceeds V_th [mV], then not again for ``refractory`` [ms].
    method
        ``"exponential_midpoint"`` is of second order and stable at 0.1 ms. At 0.05 ms the last of four spikes comes 0.15 ms
        late; ``"exponential_euler"``, a quarter faster, is 1.3 ms late; ``"rk4"`` is right, but breaks down at 0.1 ms.
    options
        More for :class:`Cell`: initial values, ``surrogate`` …

    Projections arrive on I (nA). The cell starts at rest.

    Raises
    ------
    EquationError, DimensionError
        Where a value has the wrong unit, is not finite, or area or C_m is not positive.

    Source: Hodgkin & Huxley, Journal of Physiology 1952.

    >>> cell = rv.HodgkinHuxley(10, method="rk4")
    """
    rates = """
    alpha_m = 0.1*(v + 40*mV)/mV/(1 - exp(-(v + 40*mV)/(10*mV)))/ms : kHz
    beta_m = 4*exp(-(v + 65*mV)/(18*mV))/ms : kHz
    alpha_h = 0.07*exp(-(v + 65*mV)/(20*mV))/ms : kHz
    beta_h = 1/(1 + exp(-(v + 35*mV)/(10*mV)))/ms : kHz
    alpha_n = 0.01*(v + 55*mV)/mV/(1 - exp(-(v + 55*mV)/(10*mV)))/ms : kHz
    beta_n = 0.125*exp(-(v + 65*mV)/(80*mV))/ms : kHz
    """
    refuse_own("HodgkinHuxley", options, "equations", "threshold", "name")
    rest = {"v": -65 * mV, "m": 0.0529325, "h": 0.5961208, "n": 0.3176769}
    return Cell(
        _MEMBRANE + rates, threshold="v > V_th", refractory=refractory, name="hodgkin_huxley", size=size, area=area,
        C_m=C_m, g_Na=g_Na, g_K=g_K, g_L=g_L, E_Na=E_Na, E_K=E_K, E_L=E_L, V_th=V_th, method=method, **{**rest, **options},
    )  # fmt: skip


def TraubMiles(
    size: Size = None, *, area: Any = 20_000 * um**2, C_m: Any = 1 * uF / _PER_AREA, g_Na: Any = 100 * mS / _PER_AREA,
    g_K: Any = 30 * mS / _PER_AREA, g_L: Any = 0.05 * mS / _PER_AREA, E_Na: Any = 50 * mV, E_K: Any = -90 * mV,
    E_L: Any = -60 * mV, V_T: Any = -63 * mV, V_th: Any = -20 * mV, refractory: Any = 3 * ms,
    method: str | None = "exponential_midpoint", **options: Any,
) -> Cell:  # fmt: skip
    """A hippocampal pyramidal cell in one compartment, as used in the COBAHH benchmark.

    The membrane equation of :func:`HodgkinHuxley`; rates in 1/ms, with u = v - V_T in mV:
    alpha_m = 0.32*(13 - u)/(exp((13 - u)/4) - 1), beta_m = 0.28*(u - 40)/(exp((u - 40)/5) - 1),
    alpha_h = 0.128*exp((17 - u)/18),              beta_h = 4/(1 + exp((40 - u)/5)),
    alpha_n = 0.032*(15 - u)/(exp((15 - u)/5) - 1), beta_n = 0.5*exp((10 - u)/40);
    the quotients have their limits where they are 0/0.

    Parameters
    ----------
    size, area, C_m, g_Na, g_K, g_L, E_Na, E_K, E_L, V_th, refractory, method, options
        As in :func:`HodgkinHuxley`; the default area makes 0.2 nF, 20 uS, 6 uS and 10 nS of the densities.
    V_T
        Shifts all rates, and so the threshold [mV].

    Projections arrive on I (nA). The cell starts at E_L = -60 mV with all channels at equilibrium there.

    Raises
    ------
    EquationError, DimensionError
        Where a value has the wrong unit, is not finite, or area or C_m is not positive.

    Source: Traub & Miles, Neuronal Networks of the Hippocampus, 1991; Brette et al., Journal of Computational
    Neuroscience 2007.

    >>> cell = rv.TraubMiles(4000) + rv.Conductance("g_e", E=0*mV) + rv.Exponential("g_e", tau=5*ms)
    """
    rates = """
    alpha_m = 0.32*(13*mV - v + V_T)/mV/(exp((13*mV - v + V_T)/(4*mV)) - 1)/ms : kHz
    beta_m = 0.28*(v - V_T - 40*mV)/mV/(exp((v - V_T - 40*mV)/(5*mV)) - 1)/ms : kHz
    alpha_h = 0.128*exp((17*mV - v + V_T)/(18*mV))/ms : kHz
    beta_h = 4/(1 + exp((40*mV - v + V_T)/(5*mV)))/ms : kHz
    alpha_n = 0.032*(15*mV - v + V_T)/mV/(exp((15*mV - v + V_T)/(5*mV)) - 1)/ms : kHz
    beta_n = 0.5*exp((10*mV - v + V_T)/(40*mV))/ms : kHz
    """
    refuse_own("TraubMiles", options, "equations", "threshold", "name")
    rest = {"v": -60 * mV, "m": 0.0268633, "h": 0.9913058, "n": 0.060434}
    return Cell(
        _MEMBRANE + rates, threshold="v > V_th", refractory=refractory, name="traub_miles", size=size, area=area,
        C_m=C_m, g_Na=g_Na, g_K=g_K, g_L=g_L, E_Na=E_Na, E_K=E_K, E_L=E_L, V_T=V_T, V_th=V_th, method=method, **{**rest, **options},
    )  # fmt: skip
