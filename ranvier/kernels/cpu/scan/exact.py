"""Arrays of a scan that are float64 in kernels of any dtype, because the step holds a time."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from ranvier.dynamics import Step

if TYPE_CHECKING:
    import sympy as sp

__all__ = ["all_if", "emitted_as", "exact_kept"]


def emitted_as(step: Step, outputs: Iterable[str]) -> dict[str, str]:
    """The output that holds a value, by the value's name: an emitted value need not be kept a second time.

    An exact step keeps its values in float64, and emits all but events in the dtype of the network.
    """
    return {_name(step.program.outputs[n]): n for n in outputs if not step.exact or n in step.events}


@cache
def _name(symbol: sp.Symbol) -> str:
    """Its text, which takes SymPy longer than a small kernel."""
    return str(symbol)


def exact_kept(step: Step, kept: Iterable[str]) -> frozenset[str]:
    """The values among ``kept`` that are float64 in kernels of any dtype: in an exact step, all but events and other streams."""
    if not step.exact:
        return step.exact
    events = {_name(step.program.outputs[n]) for n in step.events}
    return frozenset(n for n in kept if n in step.exact or (n not in step.streams and n not in events))


def all_if(exact: frozenset[str], names: Iterable[str]) -> frozenset[str]:
    """All ``names`` of an exact step, else none."""
    return frozenset(names) if exact else exact
