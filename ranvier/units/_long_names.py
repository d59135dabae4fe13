"""Long names of units, as other simulators write them: a prefix and the whole word, ``msiemens``, ``ufarad``, ``umetre``."""

from __future__ import annotations

__all__ = ["long_names"]

#: power of ten of a unit in base units (ms, mV, nA, uS, nF, Mohm, mm, mM, and their products)
_WORDS = {
    "second": ("time", 3),
    "volt": ("voltage", 3),
    "amp": ("current", 9),
    "ampere": ("current", 9),
    "siemens": ("conductance", 6),
    "farad": ("capacitance", 9),
    "ohm": ("resistance", -6),
    "hertz": ("rate", -3),
    "metre": ("length", 3),
    "meter": ("length", 3),
    "molar": ("concentration", 3),
    "coulomb": ("charge", 12),
    "joule": ("energy", 15),
    "watt": ("power", 12),
    "radian": ("angle", 0),
}
_PREFIXES = {"": 0, "p": -12, "n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9}


def long_names(kind: str) -> dict[str, float]:
    """Every long name of the units of one kind, with its size in base units."""
    return {
        f"{prefix}{word}": float(f"1e{power + shift}")
        for word, (of, power) in _WORDS.items()
        if of == kind
        for prefix, shift in _PREFIXES.items()
    }
