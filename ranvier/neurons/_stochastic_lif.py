"""A leaky integrate-and-fire cell with noise in its membrane and in its threshold."""

from __future__ import annotations

from typing import Any

from ranvier.neurons._cell import Cell
from ranvier.neurons._habits import checked, refuse_own
from ranvier.neurons.values import check_above_zero
from ranvier.units import ms
from ranvier.values import ExponentialDistribution

__all__ = ["StochasticLIF"]


def StochasticLIF(
    size: int | tuple[int, ...] | None = None, *, tau_m: Any = 10 * ms, tau_s: Any = 5 * ms, V_th: Any = 1.0, delta: Any = 0.2,
    tau_h: Any = 1 * ms, sigma: Any = 0.1, drop: Any = 1.0, **options: Any,
) -> Cell:  # fmt: skip
    """An event SDE: white noise moves the membrane, and the hazard of a spike rises with it.

    dv/dt = (I - v)/tau_m + sigma*sqrt(2/tau_m)*xi, dI/dt = -I/tau_s, dh/dt = exp((v - V_th)/delta)/tau_h; a spike where h > E, then
    v -= drop, h = 0, and E is drawn anew, exponential with mean 1: half the sum of two squared normal numbers.

    The level h is smooth although v diffuses, and the reset leaves the noise of v as it is, so spike times have a pathwise
    derivative: ``rv.rules.EventProp`` and ``reset="times"`` take the cell, as surrogates do. With ``sigma=0`` only the threshold is noisy; a
    small ``delta`` makes it sharp. ``stream=`` of a call pins the noise.

    Parameters
    ----------
    size
        Number of cells, or a shape.
    tau_m, tau_s
        Time constants of membrane and synaptic current [ms]. Projections arrive on I [1].
    V_th, delta, tau_h
        Where the hazard is 1/tau_h, how softly it rises, above 0 [1], and its time scale [ms].
    sigma
        Standard deviation of the membrane without spikes [1].
    drop
        What a spike subtracts [1].
    options
        More for :class:`Cell`: ``surrogate``, initial values …

    Raises
    ------
    EquationError, DimensionError
        Where a value has the wrong unit, or a time constant or delta is not positive.

    Source: Holberg & Salvi, NeurIPS 2024 (exact gradients for stochastic spiking networks driven by rough signals).

    >>> cell = rv.StochasticLIF(100, sigma=0.2)
    """
    refuse_own("StochasticLIF", options, "reset")
    check_above_zero("StochasticLIF", delta=delta)
    return Cell(
        """
        dv/dt = (I - v)/tau_m + sigma*sqrt(2/tau_m)*xi_v : 1
        dI/dt = -I/tau_s : 1
        dh/dt = exp((v - V_th)/delta)/tau_h : 1
        E' = E : 1
        one' = xi_one*sqrt(dt) : 1
        two' = xi_two*sqrt(dt) : 1
        """,
        threshold="h > E", reset="v -= drop; h = 0; E = (one**2 + two**2)/2", name="stochastic_lif", size=size,
        tau_m=tau_m, tau_s=tau_s, V_th=V_th, delta=delta, tau_h=tau_h, sigma=sigma, drop=drop,
        **{"E": ExponentialDistribution(1.0), **checked("StochasticLIF", options, tau_m=tau_m, tau_s=tau_s, tau_h=tau_h)},
    )  # fmt: skip
