"""How quantities are written: 20 ms, -60 mV, 50 Hz."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier.units._dimension import Dimension

__all__ = ["spell"]

# Unit names with their size in base units, smallest first.
_SCALES: dict[Dimension, tuple[tuple[str, float], ...]] = {
    Dimension(time=1): (("us", 1e-3), ("ms", 1.0), ("second", 1e3)),
    Dimension(voltage=1): (("uV", 1e-3), ("mV", 1.0), ("volt", 1e3)),
    Dimension(current=1): (("pA", 1e-3), ("nA", 1.0), ("uA", 1e3), ("mA", 1e6)),
    Dimension(current=1, voltage=-1): (("pS", 1e-6), ("nS", 1e-3), ("uS", 1.0), ("mS", 1e3)),
    Dimension(current=1, voltage=-1, time=1): (("pF", 1e-3), ("nF", 1.0), ("uF", 1e3)),
    Dimension(voltage=1, current=-1): (("kohm", 1e-3), ("Mohm", 1.0), ("Gohm", 1e3)),
    Dimension(time=-1): (("Hz", 1e-3), ("kHz", 1.0)),
    Dimension(length=1): (("um", 1e-3), ("mm", 1.0), ("metre", 1e3)),
    Dimension(concentration=1): (("uM", 1e-3), ("mM", 1.0), ("molar", 1e3)),
    Dimension(temperature=1): (("kelvin", 1.0),),
}


def spell(value: Any, dimension: Dimension, *, digits: int) -> str:
    """Write a value given in base units with the unit a reader would choose."""
    if dimension.is_none:
        return _numeral(value, digits)
    name, size = _unit(value, dimension)
    # A single rounding here undoes the one of value/size: 0.3 nS, not 0.30000000000000004 nS.
    return f"{_numeral(value / size, digits)} {name}"


def _unit(value: Any, dimension: Dimension) -> tuple[str, float]:
    scales = _SCALES.get(dimension)
    if scales is None:
        return str(dimension), 1.0
    magnitude = _magnitude(value)
    base = next(scale for scale in scales if scale[1] == 1.0)
    if not np.isfinite(magnitude) or magnitude == 0 or 0.1 <= magnitude < 1e4:
        return base
    fitting = [scale for scale in scales if magnitude / scale[1] >= 1]
    return fitting[-1] if fitting else scales[0]


def _magnitude(value: Any) -> float:
    if isinstance(value, float):
        return abs(value)
    array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    return float(np.max(np.abs(array))) if array.size else 0.0


def _numeral(value: Any, digits: int) -> str:
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    return np.array2string(array, precision=digits, threshold=8, edgeitems=3, separator=", ")
