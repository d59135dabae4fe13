"""Resonate-and-fire: a membrane that oscillates, and fires for input in its own rhythm."""

from __future__ import annotations

from typing import Any

from ranvier.errors import DimensionError
from ranvier.neurons._cell import Cell
from ranvier.neurons._habits import checked
from ranvier.neurons.values import dimension_of
from ranvier.units import UNITS, Hz, ms

__all__ = ["ResonateAndFire"]


def ResonateAndFire(
    size: int | tuple[int, ...] | None = None, *, f: Any = 10 * Hz, tau: Any = 100 * ms, V_th: Any = 1.0,
    reset: str | None = "u = 0; v = V_th", **options: Any,
) -> Cell:  # fmt: skip
    """Resonate-and-fire, a damped oscillator with a threshold: z' = exp((-1/tau + 2*pi*i*f)*dt)*z + x with z = u + i*v.

    u' = beta*(c*u - s*v) + x
    v' = beta*(s*u + c*v)
    beta = exp(-dt/tau), c = cos(2*pi*f*dt), s = sin(2*pi*f*dt); a spike where v > V_th, then u = 0 and v = V_th.

    Parameters
    ----------
    size
        Number of cells, or a shape.
    f
        Frequency [Hz] of the oscillation without input, below 1/(2*dt): f and f + 1/dt are the same cell.
    tau
        Time constant of its decay [ms].
    V_th
        Threshold of v [1].
    reset
        Statements at the spike, or None: then the cell is linear in time, and a spike leaves the oscillation as it is.
    options
        More for :class:`Cell`: ``refractory``, ``surrogate``, initial values …

    u [1] is like a current, v [1] like a membrane; input x [1] per step arrives on u.

    Raises
    ------
    EquationError, DimensionError
        For a value with the wrong unit, or a word that the cell sets itself.

    Source: Izhikevich, Neural Networks 2001; without a reset: Orchard et al., IEEE SiPS 2021.

    >>> cell = rv.ResonateAndFire(64, f=rv.Learn(rv.Uniform(1*Hz, 40*Hz)), reset=None)
    """
    if dimension_of("f", f) != UNITS["Hz"].dimension:
        raise DimensionError(f"f={f!r} is not a frequency: write f=10*Hz (from ranvier.units import Hz).")
    return Cell(
        """
        u' = beta*(c*u - s*v) + x : 1
        v' = beta*(s*u + c*v) : 1
        beta = exp(-dt/tau) : 1
        c = cos(2*pi*f*dt) : 1
        s = sin(2*pi*f*dt) : 1
        x : 1 (input)
        """,
        threshold="v > V_th", reset=reset, name="resonator", size=size, f=f, tau=tau, V_th=V_th,
        **checked("ResonateAndFire", options, V_th=V_th, reset=reset or "", tau=tau),
    )  # fmt: skip
