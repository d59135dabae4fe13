"""Arrivals over projections in a window, and the way back to the cells that fired."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import torch

from ranvier.connectivity.sequence_place import Place
from ranvier.errors import ShapeError
from ranvier.network.plan.built import part_of
from ranvier.network.run.inflow import Inflow
from ranvier.network.run.upstream import upstream

if TYPE_CHECKING:
    from ranvier.network.graph import Graph
    from ranvier.network.parts.projection import Projection
    from ranvier.network.plan.plan import Plan
    from ranvier.network.run.window import Window

__all__ = ["Arrivals"]

Tensor = torch.Tensor


class Arrivals:
    """The projections of a graph, each carried by the kernel that its plan names, under the plan's cuts.

    ``onto`` are those onto each part. Projections that are ``drawn`` inside a circuit bring nothing here, nor do plastic ones,
    which act step by step. ``round`` are those on a cycle, where the cuts let no gradient through spikes that come back.
    """

    def __init__(self, graph: Graph, plan: Plan, drawn: Collection[str]) -> None:
        self.graph, self.plan, self.cuts, self.drawn = graph, plan, plan.cuts, drawn
        self.onto: dict[str, list[Projection]] = {n: [] for n in graph.nodes}
        self._receivers: dict[str, set[str]] = {}
        for p in graph.projections.values():
            self.onto[p.post].append(p)
            self._receivers.setdefault(p.pre, set()).add(p.post)
        self.round = frozenset() if plan.cuts.recurrent_spikes else graph.in_cycles()

    def into(self, name: str, inside: Collection[str], window: Window, without: Collection[str] = ()) -> Inflow:
        """Arrivals at a part from parts other than ``inside``, except over the projections ``without``."""
        inflow = Inflow()
        for p in self.onto[name]:
            if p.pre not in inside and p.name not in without and p.name not in self.drawn and not p.plasticity:
                past = window.history.get(p.pre)
                self.bring(inflow, p, window.emissions[p.pre], past, window.count, window.place(self.graph))
        return inflow

    def bring(
        self, inflow: Inflow, p: Projection, x: Tensor | None, history: Tensor | None, count: int, place: Place
    ) -> None:  # fmt: skip
        """Add what a projection brings during ``count`` steps, for emissions ``x`` [T, B, …] after ``history``.

        ``place`` is that of the window in the sequence.
        """
        if history is None and x is None:
            raise ShapeError(f"projection {p.name!r} has neither emissions nor a history to carry.")
        before, apart = x, self.apart(p)
        past = x[:0] if history is None and x is not None and p.per_synapse else history
        if apart:
            before, past = (None if t is None else t.detach() for t in (before, past))
        how = {"steps": count, "carrier": part_of(self.plan, p.name), "place": place}
        half = self.graph.precision
        if half is None or not p.has_products:
            value = p(before, past, **how)
        else:
            value = half.product(lambda x, past: p(x, past, **how), before, past, self.graph)
        inflow.add(p.port, value, self._back(p, x, history, value, place) if apart else None)

    def apart(self, p: Projection) -> bool:
        """Whether the way to its weights is not the way to the cells before: these get no gradient, or one of their own."""
        cuts = self.cuts
        return self._late(p) or not cuts.layers or (cuts.split and p.post in self.graph.populations)

    def _late(self, p: Projection) -> bool:
        """Whether its spikes come back later in a cycle, and the cuts leave that way out."""
        return bool(p.depth) and p.name in self.round

    def _back(
        self, p: Projection, x: Tensor | None, history: Tensor | None, arrived: Tensor, place: Place
    ) -> Tensor | None:  # fmt: skip
        """The way back to the cells before, where it is another than that to the weights; zeros like ``arrived``."""
        cuts, some = self.cuts, history if x is None else x
        if self._late(p) or some is None or not cuts.split or p.post not in self.graph.populations:
            return None
        if not any(t is not None and t.requires_grad for t in (x, history)):
            return None
        return upstream(p, some[:0] if x is None else x, history, arrived, part_of(self.plan, p.name), place)

    def single(self, name: str) -> list[str]:
        """Ports of a part at which new memory arrives that nobody else reads: the result of one projection."""
        ports, hooked = [p.port for p in self.onto[name]], self.plan.hooked
        return [p.port for p in self.onto[name] if ports.count(p.port) == 1 and p.lets_go and p.name not in hooked]

    def read_outside(self, name: str, inside: Collection[str]) -> bool:
        """Whether a part other than ``inside`` receives what ``name`` emits."""
        return not self._receivers.get(name, set()) <= {*inside}
