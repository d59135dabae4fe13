"""Requests that only one process can run: each raises an error with the remedy."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ranvier.network.order import GraphError

if TYPE_CHECKING:
    from ranvier.network.graph import Graph
    from ranvier.network.plan.plan import Plan
    from ranvier.synapses import BoundPlasticity

__all__ = ["check_rule", "check_run", "check_shared", "refuse_call"]

_REMEDY = "Run it in one process."


def refuse_call(graph: Graph, what: str) -> None:
    """Refuse a call that only one process runs."""
    if graph.processes is not None:
        raise GraphError(
            f"{what} runs in one process only, but this network has {graph.processes.count}: use net.run(…)."
        )


def check_run(graph: Graph, checkpoint: Any, recorded: Iterable[str]) -> None:
    """Refuse a checkpoint, and records of synapses, where several processes share the network."""
    if graph.processes is None:
        return
    if checkpoint is not None:
        raise GraphError(
            f"checkpoint={checkpoint!r}: a checkpoint holds the network of one process, but {graph.processes.count} share this network. "
            "Save run.state with rv.save_state, and continue from that state."
        )
    for n in recorded:
        if n in graph.projections:
            raise GraphError(
                f"record names the projection {n!r}, whose synapses {graph.processes.count} processes share: read them in "
                "rv.whole_state(net, run.state), or run in one process."
            )


def check_rule(graph: Graph, name: str, rule: BoundPlasticity | None) -> None:
    """Refuse a rule that reads more than a process has: the spikes of both cells, and the postsynaptic cell."""
    if graph.processes is None or rule is None:
        return
    where = f"projection {name!r}: {rule.rule.name}"
    if rule.reads("pre"):
        found = ", ".join(sorted(rule.reads("pre")))
        raise GraphError(f"{where} reads {found} of the presynaptic cell, which may be in another process. {_REMEDY}")
    if rule.shared:
        found = ", ".join(sorted(rule.shared))
        raise GraphError(f"{where} shares {found} among synapses of several processes. {_REMEDY}")


def check_shared(graph: Graph, plan: Plan) -> None:
    """Refuse a plan where anything but a circuit reads synapses that processes share."""
    if graph.processes is None:
        return
    units = {n: u for u in plan.units for n in u.members}
    for n, p in graph.projections.items():
        home = units.get(p.post)
        if p.transform.shared is not None and (home is None or home.how != "circuit"):
            why = "" if home is None else f" ({home})"
            raise GraphError(
                f"projection {n!r}: {graph.processes.count} processes share its synapses, which works only in a compiled circuit without "
                f"gradient, but {p.post!r} does not run in one{why}. {_REMEDY}"
            )
    for unit in plan.units:
        if unit.how != "circuit":
            continue
        if not unit.exchanges:
            raise GraphError(
                f"the provider {unit.provider!r} does not exchange spikes with other processes: choose another with provider=…."
            )
        for n in unit.members:
            shape = graph.populations[n].shape
            if graph.populations[n].emits_numbers and any(p.pre == n for p in graph.projections.values()):
                raise GraphError(
                    f"population {n!r} emits {graph.populations[n].cell.emit!r} in every step, but processes exchange only spikes. {_REMEDY}"
                )
            if shape is None or math.prod(shape) != shape[0]:
                raise GraphError(
                    f"population {n!r} has shape {shape}, but processes share only populations with one axis. {_REMEDY}"
                )
