"""Cycles that leave the compiled loop: Python runs them window after window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier._warn import warn

if TYPE_CHECKING:
    from ranvier.network.graph import Graph
    from ranvier.network.plan.plan import Plan

__all__ = ["warn_of_windows"]


def warn_of_windows(graph: Graph, plan: Plan) -> None:
    """Warn, once per network, of cycles that a simulation runs window after window, unless a provider was asked for."""
    if graph.provider is not None:
        return
    for unit in plan.units:
        if unit.how != "windows":
            continue
        why = next(c.why for c in plan.choices if c.task == "cycle" and c.part == "+".join(unit.members))
        sentence = (
            f"{' and '.join(unit.members)} run outside the compiled loop, in windows of {unit.window} "
            f"step{'s' * (unit.window != 1)}, which is many times slower: {why}. Join cells in a row by single synapses that are "
            f"stored, such as rv.FixedProbability(…) or rv.AllToAll(), with delays that are not learnt."
        )
        if graph.memo.new(sentence):
            warn(sentence)
