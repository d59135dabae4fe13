"""Transforms that map whole sequences: what a call and a rule must be like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.dynamics import Cuts
from ranvier.network.order import GraphError

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["check_whole"]


def check_whole(graph: Graph, steps: int | None, window: int | None, cuts: Cuts, gradient: bool) -> None:
    """Refuse a call whose ``steps``, or those of its ``window``, are not all that a transform maps, and rules of single steps.

    Raises
    ------
    ShapeError, GraphError
        Naming the projection and the remedy.
    """
    for p in graph.projections.values():
        whole = p.whole_steps
        if whole is None:
            continue
        if gradient and not (cuts.carry_to_weights and cuts.carry_to_upstream and cuts.layers and not cuts.times):
            raise GraphError(
                f"{p.where} maps {whole} steps at once, so that the gradient of one step passes through the others, but the rule "
                f"follows it step by step: use rv.rules.BPTT(); or a part that runs step by step, such as rv.SlidingPSN in place of rv.PSN."
            )
        together = [n for n in (window, steps) if n is not None]
        if together:
            p.check_steps(min(together))
