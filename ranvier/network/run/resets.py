"""The gradient of the resets of a network, and the cells with a derivative by spike times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sympy as sp

from ranvier.dynamics import WHOLE, Cuts, System, rough, wrong_reset
from ranvier.network.order import GraphError

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["cuts_of", "reads_spikes", "without_times"]


def cuts_of(graph: Graph, reset: Any) -> Cuts:
    """The paths of a call with ``reset``; raises for an unknown word or a cell without a derivative by spike times."""
    trouble = wrong_reset(reset)
    if trouble is None and reset == "times":
        found = (without_times(graph, n, 'reset="times"', "choose another reset") for n in graph.populations)
        trouble = next((sentence for sentence in found if sentence), None)
    if trouble:
        raise GraphError(trouble)
    return WHOLE if reset == WHOLE.reset else Cuts(reset=reset)


def without_times(graph: Graph, name: str, who: str, instead: str) -> str | None:
    """The reason why ``who`` has no derivative by spike times for a population; None where it has one.

    ``instead`` is the remedy where the cell is to stay as it is.
    """
    system = graph.populations[name].cell.system
    ruled = next((n for n, rule in system.updates.items() if not _waits(system, n, rule)), None)
    if ruled is not None:
        return (
            f"{who} needs differential equations, but {name!r} has a rule for the next value of "
            f"{ruled}: use rv.CurrentLIF(refractory=None), or write dv/dt = …."
        )
    if system.refractory:
        return (
            f"{who} has no derivative for the end of a refractory period, and {name!r} has one: give its cell "
            f"refractory=None, or {instead}."
        )
    if system.noises and (trouble := rough(system)):
        return f"{who} needs spike times with a derivative, but {name!r} {trouble}, remove {system.noises[0]}, or {instead}."
    if system.before_firing:
        return (
            f"{who} needs a level that moves smoothly, but {name!r} sets {system.before_firing[0][0]} before it fires: give "
            f"its cell before_firing=None, or {instead}."
        )
    other = next((e.name for e in system.events if e.name != "spike"), None)
    if other is not None:
        return f"{who} knows the times of spikes alone, but {name!r} has the event {other!r}: remove it, or {instead}."
    condition = next((e.condition for e in system.events if e.name == "spike"), sp.Integer(0))
    for p in graph.projections.values():
        if p.post != name:
            continue
        fired = p.pre not in graph.inputs and p.pre not in graph.sources
        if p.port not in system.states and fired:
            return (
                f"{who} needs spikes to arrive on a state, but {p.name!r} brings them to the input {p.port!r} of "
                f"{name!r}: give the cell a synaptic current, such as + rv.Exponential({p.port!r}, tau=5*ms)."
            )
        if sp.Symbol(p.port) in condition.free_symbols:
            return (
                f"{who} needs a level that moves smoothly, but {p.name!r} adds spikes to {name}.{p.port}, which the "
                f"threshold compares: give the cell a synaptic current."
            )
    return None


def _waits(system: System, name: str, rule: sp.Expr) -> bool:
    """Whether a rule only keeps its variable, or draws it anew: then it does not depend on when a spike happens."""
    return rule == sp.Symbol(name) or not system.symbols_of(rule) & {
        sp.Symbol(n) for n in (*system.states, *system.inputs)
    }


def reads_spikes(graph: Graph, name: str, recorded: Sequence[str]) -> bool:
    """Whether gradients reach a population through spikes: other cells receive them, or no variable of it is read."""
    cell = graph.populations[name].cell
    sends = any(p.pre == name for p in graph.projections.values())
    events = {"spikes", *(e.name for e in cell.system.events)}
    if sends and cell.emit in events:
        return True
    return not sends and events.issuperset(recorded)
