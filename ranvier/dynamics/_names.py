"""Names that mean something in every model, and which a model therefore cannot define."""

from __future__ import annotations

import re

from ranvier.dynamics.functions import FUNCTIONS
from ranvier.errors import EquationError
from ranvier.units import UNITS

__all__ = ["CONSTANTS", "check_name", "is_noise"]

#: numbers that equations may use by name
CONSTANTS = {"pi": 3.141592653589793}
_RESERVED = frozenset({"dt", "t", "refractory", "refractory_left", *CONSTANTS})
_OWN = re.compile(r"^(_|kick_|surrogate_)")
_NOISE = re.compile(r"^xi(_\w+)?$")


def is_noise(name: str) -> bool:
    """Whether ``name`` stands for white noise: ``xi``, or ``xi_`` with a suffix for a source of its own."""
    return _NOISE.match(name) is not None


def check_name(name: str, line: str) -> None:
    """Raise :class:`EquationError` where a model cannot use ``name`` for something of its own."""
    if name in _RESERVED or is_noise(name) or _OWN.match(name):
        raise EquationError(f"{name!r} is a reserved name and cannot be defined: rename it.", line=line)
    if name in UNITS:
        raise EquationError(f"{name!r} is the name of a unit and cannot be defined: rename it.", line=line)
    if name in FUNCTIONS:
        raise EquationError(f"{name!r} is the name of a function and cannot be defined: rename it.", line=line)
