"""The cell of Izhikevich: two equations, four numbers, most firing patterns of the cortex."""

from __future__ import annotations

from typing import Any

from ranvier.errors import EquationError
from ranvier.neurons._cell import Cell
from ranvier.neurons._habits import refuse_own
from ranvier.units import ms, mV

__all__ = ["IZHIKEVICH_KINDS", "Izhikevich"]

#: a [1/ms], b [1], c [mV], d [mV] of the published patterns
IZHIKEVICH_KINDS: dict[str, tuple[float, float, float, float]] = {
    "RS": (0.02, 0.2, -65.0, 8.0),  # regular spiking
    "IB": (0.02, 0.2, -55.0, 4.0),  # intrinsically bursting
    "CH": (0.02, 0.2, -50.0, 2.0),  # chattering
    "FS": (0.1, 0.2, -65.0, 2.0),  # fast spiking
    "LTS": (0.02, 0.25, -65.0, 2.0),  # low-threshold spiking
    "TC": (0.02, 0.25, -65.0, 0.05),  # thalamo-cortical
    "RZ": (0.1, 0.26, -65.0, 2.0),  # resonator
}


def Izhikevich(
    size: int | tuple[int, ...] | None = None, *, kind: str = "RS", a: Any = None, b: Any = None, c: Any = None,
    d: Any = None, V_peak: Any = 30 * mV, method: str | None = "euler", **options: Any,
) -> Cell:  # fmt: skip
    """Quadratic integrate-and-fire with recovery.

    dv/dt = (0.04*v**2/mV + 5*v + 140*mV - u + I)/ms
    du/dt = a*(b*v - u)
    a spike where v >= V_peak, then v = c and u += d.

    Parameters
    ----------
    size
        Number of cells, or a shape.
    kind
        A published pattern, which sets a, b, c and d: RS regular spiking, IB intrinsically bursting, CH chattering,
        FS fast spiking, LTS low-threshold spiking, TC thalamo-cortical, RZ resonator.
    a, b, c, d
        Rate of recovery [1/ms], its coupling to v [1], reset voltage [mV], step of u at every spike [mV]; each replaces
        the number of the pattern.
    V_peak
        Where the upstroke is cut off [mV].
    method
        Euler's rule; use a time step of 0.1 ms or less. The published script instead took two half steps of v for one
        of u, with dt = 1 ms: its traces differ.
    options
        More for :class:`Cell`: ``refractory``, ``surrogate``, initial values …

    Projections arrive on I, which the equations count in mV. v starts at -65 mV, u at the kind's b times that.

    Raises
    ------
    EquationError, DimensionError
        For an unknown kind, or a value with the wrong unit.

    Source: Izhikevich, IEEE Transactions on Neural Networks 2003.

    >>> cell = rv.Izhikevich(10, kind="CH")
    """
    refuse_own("Izhikevich", options, "equations", "threshold", "reset", "name", V_th=False)
    if kind not in IZHIKEVICH_KINDS:
        known = ", ".join(IZHIKEVICH_KINDS)
        raise EquationError(f"kind={kind!r} is not a pattern: choose one of {known}.", line=str(kind))
    rate, coupling, low, step = IZHIKEVICH_KINDS[kind]
    start = {"v": -65 * mV, "u": -65 * coupling * mV}
    return Cell(
        """
        dv/dt = (0.04*v**2/mV + 5*v + 140*mV - u + I)/ms : mV
        du/dt = a*(b*v - u) : mV
        I : mV (input)
        """,
        threshold="v >= V_peak", reset="v = c; u += d", method=method, name="izhikevich", size=size,
        a=rate / ms if a is None else a, b=coupling if b is None else b, c=low * mV if c is None else c,
        d=step * mV if d is None else d, V_peak=V_peak, **{**start, **options},
    )  # fmt: skip
