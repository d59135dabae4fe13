"""Limits that minimum and maximum set for a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import sympy as sp

from ranvier.dynamics.functions import maximum, minimum

__all__ = ["Limit", "limits_around"]


class Limit(NamedTuple):
    """One bound: ``minimum`` keeps a number at or below ``value``, ``maximum`` at or above it."""

    function: type[sp.Expr]
    value: sp.Expr

    @property
    def upper(self) -> bool:
        """Whether it keeps values below."""
        return self.function is minimum


def limits_around(
    value: sp.Expr, fixed: Callable[[sp.Expr], bool], known: Mapping[sp.Basic, sp.Expr] | None = None
) -> tuple[list[Limit], sp.Expr]:
    """Limits around ``value``, from the outside, and the expression inside.

    ``fixed`` says which expressions are bounds; a minimum or maximum has one that is and one that is not. ``known`` are
    expressions that have a name.
    """
    limits: list[Limit] = []
    known = known or {}
    while isinstance(value := known.get(value, value), minimum | maximum):
        bounds = [fixed(a) for a in value.args]
        if sum(bounds) != 1:
            break
        limits.append(Limit(value.func, value.args[bounds.index(True)]))
        value = value.args[bounds.index(False)]
    return limits, value
