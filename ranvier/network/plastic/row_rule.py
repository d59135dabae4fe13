"""The compiled rule of a plastic projection, as the rows of a circuit run it; the projection keeps it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from ranvier.dynamics.plasticity import Decay, Known, RowRule, held_by_cells
from ranvier.dynamics.plasticity import row_rule as lowered

if TYPE_CHECKING:
    from ranvier.network.plastic.synapses import PlasticSynapses

__all__ = ["Compiled", "held", "row_rule"]

#: results kept with each projection
_KEPT = 32


@dataclass(frozen=True)
class Compiled:
    """The rule for the circuit, how each variable of a lazy one moves per step, and its parameters."""

    rule: RowRule
    decays: dict[str, Decay]
    parameters: dict[str, torch.Tensor]


def row_rule(
    synapses: PlasticSynapses, row: Collection[str], column: Collection[str], within: bool, positive: Collection[str]
) -> Compiled:
    """The rule, whose variables ``row`` and ``column`` (:func:`held`) have one value for each row and column now.

    ``within`` says that all weights keep the limits of ``on_post`` now, ``positive`` which variables are not negative.
    """
    given = {**synapses.parameters, **synapses.coefficients}
    single = {n: float(given[n]) for n in sorted(_shared(synapses))}
    exact = {n: float(v) for n, v in synapses.exact.items() if v.numel() == 1}
    wide = synapses.arithmetic != synapses.dtype
    known = Known(single, exact, tuple(row), tuple(column), within, tuple(positive), wide)
    key = (synapses.dtype, *known.row, None, *known.column, None, within, *known.positive, None)
    key += (*single.items(), *exact.items())
    rule, decays = _once(synapses, key, lambda: lowered(synapses.bound, known))
    return Compiled(rule, decays, {n: given[n] for n in rule.parameters})


def held(synapses: PlasticSynapses, end: str, among: Collection[str]) -> tuple[str, ...]:
    """Variables ``among`` these that the cell at one ``end`` holds, if all its synapses begin with one value."""
    shared = _shared(synapses)
    key = ("held", end, tuple(among), *sorted(shared))
    return _once(synapses, key, lambda: held_by_cells(synapses.bound, end, shared, among))


def _once(synapses: PlasticSynapses, key: tuple, work: Callable[[], Any]) -> Any:
    """The result of ``work``, kept with the projection; values that change from call to call do not pile up."""
    known = synapses.projection.compiled
    if key not in known:
        if len(known) >= _KEPT:
            known.clear()
        known[key] = work()
    return known[key]


def _shared(synapses: PlasticSynapses) -> set[str]:
    return {n for n, v in {**synapses.parameters, **synapses.coefficients}.items() if v.numel() == 1}
