"""A network as a planner sees it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ranvier.network._bind import plastic_edges, update_of
from ranvier.network._chain import is_plain, joins
from ranvier.network._cycle_choice import not_fusible, not_loopable
from ranvier.network._graph import Edge, arrange
from ranvier.network._plan import Carried, Plan, Request, make_plan

if TYPE_CHECKING:
    from ranvier.network._network import Network

__all__ = ["plan_of"]


def plan_of(net: Network, request: Request) -> Plan:
    """The plan of ``net`` for a request; what its cells emit besides events counts as dense."""
    from ranvier.kernels.cpu import refuses

    dense = {n for n, p in net.populations.items() if p.cell.emit not in {e.name for e in p.cell.system.events}}
    full = replace(request, dense_inputs=request.dense_inputs | dense | set(net.relays))
    edges = [Edge(p.name, p.pre, p.post, p.shortest) for p in net.projections.values()] + plastic_edges(net)
    updates = update_of(net)
    projections = {
        n: Carried(p.pre, p.post, p.not_by_event(), is_plain(p), updates.get(n)) for n, p in net.projections.items()
    }
    return make_plan(
        list(net.populations),
        projections,
        arrange(net.nodes, edges),
        full,
        refuses,
        partial(not_loopable, net),
        partial(not_fusible, net),
        partial(joins, net),
    )
