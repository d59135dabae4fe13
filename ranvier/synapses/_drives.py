"""How a port becomes current: directly, through a conductance, or through one that magnesium blocks."""

from __future__ import annotations

from typing import Any

from ranvier.neurons import Part
from ranvier.units import mM

__all__ = ["NMDA", "Conductance", "Current"]


def Current(port: str, *, into: str = "I") -> Part:
    """A current with a name of its own, added to the cell's input current.

    I += I_port. Add a kernel to shape it: ``Current("I_fast") + Exponential("I_fast", tau=2*ms)``.

    Parameters
    ----------
    port
        Name of the new input [nA].
    into
        The cell's input current [nA].

    Raises
    ------
    EquationError
        When added to a cell without an input called ``into``.

    >>> cell = rv.AdEx() + rv.Current("I_fast") + rv.Exponential("I_fast", tau=2*ms)
    """
    return Part(f"{into} += {port} : nA\n{port} : nA (input)")


def Conductance(port: str, *, E: Any, into: str = "I", v: str = "v") -> Part:
    """A conductance in the membrane, added to the cell's input current.

    I += g*(E - v) for the port g.

    Parameters
    ----------
    port
        Name of the new input [uS]; shape it with a kernel such as :func:`Exponential`.
    E
        Reversal potential [mV]; a parameter called ``E_<port>``.
    into, v
        The cell's input current [nA] and its membrane [mV].

    Raises
    ------
    EquationError
        When added to a cell without an input called ``into`` or a variable called ``v``.

    Source: Destexhe, Mainen & Sejnowski, Neural Computation 1994.

    >>> cell = rv.AdEx() + rv.Conductance("g_e", E=0*mV) + rv.Exponential("g_e", tau=5*ms)
    """
    return Part(f"{into} += {port}*(E_{port} - {v}) : nA\n{port} : uS (input)", **{f"E_{port}": E})


def NMDA(port: str, *, E: Any, Mg: Any = 1 * mM, into: str = "I", v: str = "v") -> Part:
    """A conductance that magnesium blocks at rest and depolarisation frees.

    I += g*(E - v)/(1 + Mg/(3.57 mM)*exp(-0.062*v/mV)) for the port g.

    Parameters
    ----------
    port, E, into, v
        As for :func:`Conductance`.
    Mg
        Magnesium outside the cell [mM]; a parameter called ``Mg_<port>``.

    Source: Jahr & Stevens, Journal of Neuroscience 1990.

    >>> slow = rv.DoubleExponential("g_n", tau_rise=2*ms, tau_decay=100*ms)
    >>> cell = rv.AdEx() + rv.NMDA("g_n", E=0*mV) + slow
    """
    text = f"""
    {into} += {port}*(E_{port} - {v})/(1 + Mg_{port}/(3.57*mM)*exp(-0.062*{v}/mV)) : nA
    {port} : uS (input)
    """
    return Part(text, **{f"E_{port}": E, f"Mg_{port}": Mg})
