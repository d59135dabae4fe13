"""What one arrival does to a port over time: it jumps and decays, or rises and decays."""

from __future__ import annotations

from typing import Any

from ranvier.errors import EquationError
from ranvier.neurons import Part
from ranvier.units import Quantity

__all__ = ["Alpha", "DoubleExponential", "Exponential"]


def Exponential(port: str, *, tau: Any, unit: Quantity | None = None) -> Part:
    """Every arrival makes the port jump by its weight; then it decays.

    dg/dt = -g/tau for the port g.

    Parameters
    ----------
    port
        Name of the variable that the cell's equations read.
    tau
        Decay time constant [ms]; a parameter called ``tau_<port>``.
    unit
        Unit of the port; None takes that of the cell's input of this name, which the equation then replaces.

    Raises
    ------
    EquationError
        When added to a cell without such an input and no unit is given, or for a tau that is not positive.

    Source: Destexhe, Mainen & Sejnowski, Neural Computation 1994.

    >>> cell = rv.AdEx() + rv.Conductance("g_e", E=0*mV) + rv.Exponential("g_e", tau=5*ms)
    """
    return Part(f"d{port}/dt = -{port}/tau_{port} : {_unit(port, unit)}", **{f"tau_{port}": tau})


def Alpha(port: str, *, tau: Any, unit: Quantity | None = None) -> Part:
    """Every arrival adds a smooth bump whose peak is its weight, tau after the arrival.

    dg/dt = (e*x - g)/tau, dx/dt = -x/tau for the port g; arrivals at g add to x (called ``<port>_rise``), so that one
    arrival of weight w gives g(t) = w*(t/tau)*exp(1 - t/tau).

    Parameters
    ----------
    port, tau, unit
        As for :func:`Exponential`; the time constant is a parameter called ``tau_<port>``.

    Source: Rall, Journal of Neurophysiology 1967.

    >>> cell = rv.AdEx() + rv.Conductance("g_e", E=0*mV) + rv.Alpha("g_e", tau=2*ms)
    """
    text = f"""
    d{port}/dt = (exp(1)*{port}_rise - {port})/tau_{port} : {_unit(port, unit)}
    d{port}_rise/dt = -{port}_rise/tau_{port} : {_unit(port, unit)}
    """
    return Part(text, arrivals={port: f"{port}_rise"}, **{f"tau_{port}": tau})


def DoubleExponential(port: str, *, tau_rise: Any, tau_decay: Any, unit: Quantity | None = None) -> Part:
    """Every arrival adds a bump, with a time constant each for rise and decay, whose peak is its weight.

    dg/dt = (s*x - g)/tau_decay, dx/dt = -x/tau_rise for the port g; arrivals at g add to x (called ``<port>_rise``).
    s = (tau_decay/tau_rise)**(tau_decay/(tau_decay - tau_rise)) makes the peak of one arrival its weight; it is written
    so that equal time constants are allowed (s = e, the alpha function).

    Parameters
    ----------
    port, unit
        As for :func:`Exponential`.
    tau_rise, tau_decay
        Time constants [ms]; parameters called ``tau_rise_<port>`` and ``tau_decay_<port>``.

    Source: Roth & van Rossum, in Computational Modeling Methods for Neuroscientists, 2009.

    >>> cell = rv.AdEx() + rv.Conductance("g_i", E=-80*mV) + rv.DoubleExponential("g_i", tau_rise=1*ms, tau_decay=8*ms)
    """
    rise, decay = f"tau_rise_{port}", f"tau_decay_{port}"
    text = f"""
    d{port}/dt = (exp(1/exprel(log({rise}/{decay})))*{port}_rise - {port})/{decay} : {_unit(port, unit)}
    d{port}_rise/dt = -{port}_rise/{rise} : {_unit(port, unit)}
    """
    return Part(text, arrivals={port: f"{port}_rise"}, **{rise: tau_rise, decay: tau_decay})


def _unit(port: str, unit: Quantity | None) -> str:
    if not isinstance(port, str) or not port.isidentifier():
        raise EquationError(f"{port!r} cannot name a port: use letters, digits and underscores.", line=str(port))
    if not isinstance(unit, Quantity | None):
        raise EquationError(f"unit={unit!r} of port {port!r} is not a unit: give one such as nA, or None.", line=port)
    return f"{{{port}}}" if unit is None else str(unit.dimension)
