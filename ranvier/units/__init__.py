"""Physical units: every number that means a time, a voltage or a current carries its dimension.

Values are kept in coherent base units, ms, mV, nA, mm, mM and K, with uS, nF, Mohm and kHz following from them.
A unit is a quantity of size one; multiply by it to give a number a unit, and divide for compound ones:

>>> from ranvier.units import cm, mV, ms, uF
>>> -60 * mV
-60 mV
>>> 1 * uF / cm**2
10 nF/mm**2

Long names, such as ``msiemens``, ``ufarad`` or ``umetre``, are the same units: in equations, and as ``ranvier.units.msiemens``.
"""

from __future__ import annotations

from ranvier.errors import DimensionError
from ranvier.units._catalogue import UNITS
from ranvier.units._dimension import Dimension
from ranvier.units._edge import as_quantity, strip
from ranvier.units._quantity import Quantity

__all__ = [
    "UNITS",
    "Dimension",
    "DimensionError",
    "Gohm",
    "Hz",
    "Mohm",
    "Quantity",
    "amp",
    "as_quantity",
    "cm",
    "dimensionless",
    "farad",
    "hertz",
    "kHz",
    "kelvin",
    "kohm",
    "mA",
    "mM",
    "mS",
    "mV",
    "metre",
    "minute",
    "mm",
    "molar",
    "ms",
    "nA",
    "nF",
    "nS",
    "ohm",
    "pA",
    "pF",
    "pS",
    "second",
    "siemens",
    "strip",
    "uA",
    "uF",
    "uM",
    "uS",
    "uV",
    "um",
    "us",
    "volt",
]

dimensionless = UNITS["dimensionless"]
minute, second, ms, us = (UNITS[name] for name in ("minute", "second", "ms", "us"))
volt, mV, uV = (UNITS[name] for name in ("volt", "mV", "uV"))
amp, mA, uA, nA, pA = (UNITS[name] for name in ("amp", "mA", "uA", "nA", "pA"))
siemens, mS, uS, nS, pS = (UNITS[name] for name in ("siemens", "mS", "uS", "nS", "pS"))
farad, uF, nF, pF = (UNITS[name] for name in ("farad", "uF", "nF", "pF"))
ohm, kohm, Mohm, Gohm = (UNITS[name] for name in ("ohm", "kohm", "Mohm", "Gohm"))
hertz, Hz, kHz = (UNITS[name] for name in ("hertz", "Hz", "kHz"))
metre, cm, mm, um = (UNITS[name] for name in ("metre", "cm", "mm", "um"))
molar, mM, uM = (UNITS[name] for name in ("molar", "mM", "uM"))
kelvin = UNITS["kelvin"]


def __getattr__(name: str) -> Quantity:
    """A unit by its long name."""
    if name in UNITS and name != "1":
        return UNITS[name]
    raise AttributeError(f"module {__name__!r} has no unit {name!r}")
