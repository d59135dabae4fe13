"""The units by name; each is a quantity of size one in that unit."""

from __future__ import annotations

from ranvier.units._dimension import Dimension
from ranvier.units._long_names import long_names
from ranvier.units._quantity import Quantity

__all__ = ["UNITS"]

_TIME = Dimension(time=1)
_VOLTAGE = Dimension(voltage=1)
_CURRENT = Dimension(current=1)
_CONDUCTANCE = _CURRENT / _VOLTAGE
_CAPACITANCE = _CURRENT * _TIME / _VOLTAGE
_RESISTANCE = _VOLTAGE / _CURRENT
_RATE = Dimension(time=-1)
_LENGTH = Dimension(length=1)
_CONCENTRATION = Dimension(concentration=1)

# Sizes in base units, all of them exact in floating point or correctly rounded.
_SIZES: dict[Dimension, dict[str, float]] = {
    Dimension(): {"dimensionless": 1.0, "1": 1.0},
    _TIME: {"minute": 6e4, "second": 1e3, "ms": 1.0, "us": 1e-3},
    _VOLTAGE: {"volt": 1e3, "mV": 1.0, "uV": 1e-3},
    _CURRENT: {"amp": 1e9, "mA": 1e6, "uA": 1e3, "nA": 1.0, "pA": 1e-3},
    _CONDUCTANCE: {"siemens": 1e6, "mS": 1e3, "uS": 1.0, "nS": 1e-3, "pS": 1e-6},
    _CAPACITANCE: {"farad": 1e9, "uF": 1e3, "nF": 1.0, "pF": 1e-3},
    _RESISTANCE: {"ohm": 1e-6, "kohm": 1e-3, "Mohm": 1.0, "Gohm": 1e3},
    _RATE: {"hertz": 1e-3, "Hz": 1e-3, "kHz": 1.0},
    _LENGTH: {"metre": 1e3, "cm": 10.0, "mm": 1.0, "um": 1e-3},
    _CONCENTRATION: {"molar": 1e3, "mM": 1.0, "uM": 1e-3},
    Dimension(temperature=1): {"kelvin": 1.0},
}

_LONG: dict[str, Dimension] = {
    "time": _TIME,
    "voltage": _VOLTAGE,
    "current": _CURRENT,
    "conductance": _CONDUCTANCE,
    "capacitance": _CAPACITANCE,
    "resistance": _RESISTANCE,
    "rate": _RATE,
    "length": _LENGTH,
    "concentration": _CONCENTRATION,
    "charge": _CURRENT * _TIME,
    "energy": _VOLTAGE * _CURRENT * _TIME,
    "power": _VOLTAGE * _CURRENT,
    "angle": Dimension(),
}

UNITS: dict[str, Quantity] = {
    name: Quantity(size, dimension) for dimension, sizes in _SIZES.items() for name, size in sizes.items()
}
UNITS |= {
    name: Quantity(size, dimension)
    for kind, dimension in _LONG.items()
    for name, size in long_names(kind).items()
    if name not in UNITS
}
"""Every unit by the name that equations may use, and ``1`` for none."""
