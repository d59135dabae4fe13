"""Short runs of a network that is one circuit, each from a state to a state, with one set-up."""

from __future__ import annotations

import threading
from collections.abc import Collection
from typing import TYPE_CHECKING

import torch

from ranvier.kernels.provider import CHANGED, UNFIT, CircuitCalls, OpensCircuit
from ranvier.kernels.tasks import Spikes
from ranvier.network.checks import MOST
from ranvier.network.plan.built import unit_of
from ranvier.network.run.bound_circuit import BoundCircuit
from ranvier.network.run.modes import own_precision
from ranvier.network.run.one_circuit import OneCircuit, one_circuit, room_for
from ranvier.network.run.window import Window
from ranvier.network.state.check import check_state
from ranvier.network.state.history import History, InFlight, Pending, listed
from ranvier.network.state.state import State

if TYPE_CHECKING:
    from ranvier.network.graph import Graph
    from ranvier.network.plan.plan import Plan

__all__ = ["BoundSimulation", "bind_simulation"]

Tensor = torch.Tensor
#: bytes of weights that are compared in every call
_COMPARED = 1 << 24


class BoundSimulation(BoundCircuit):
    """The circuit of ``plan`` for calls of at most ``room`` steps. Two threads must not use it at once: hold ``lock``.

    The state of the last call continues with the spikes in flight that wait inside; any other state brings its own.
    """

    _steps: CircuitCalls

    def __init__(self, found: OneCircuit, plan: Plan, steps: CircuitCalls) -> None:
        super().__init__(found, steps, steps.kept)
        self.plan, self.room, self.lock = plan, steps.room, threading.Lock()
        self._firing = frozenset(found.runner.record)
        self._histories = len(found.window.history)
        self._shapes = {n: tuple(h.shape) for n, h in found.window.history.items()}
        self._delayed = any(d.latency for p in found.task.populations for d in p.drives)
        self._made: History | None = None

    def call(self, state: State, count: int, wanted: Collection[str] = ()) -> tuple[State, dict[str, Spikes]] | None:
        """The state ``count`` steps later, and the spikes of populations that are ``wanted``; None where they must be found, or
        refused, the long way."""
        if count > self.room or not self._firing.issuperset(wanted) or not self.lock.acquire(blocking=False):
            return None
        try:
            after = self._advanced(state, count)
            return None if after is None else (after, {n: self._steps.fired(n, count) for n in wanted})
        finally:
            self.lock.release()

    def _advanced(self, state: State, count: int) -> State | None:
        given, steps = self.given(state), self._steps
        if given is None:
            return None
        goes_on = self._goes_on(state) and steps.done + count <= self.room
        found, made = steps.call(given, count) if goes_on else (UNFIT, [])
        if found == UNFIT:
            self._take(state)
            found, made = steps.call(given, count)
        self._made = None
        if found:
            self._generation -= found & CHANGED  # no longer holds
            return None
        after = self.state(made, state.step + count, state.stream)
        self._made = History({n: self._in_flight(n) for n in self._shapes})
        return State(after.step, after.variables, self._made, {}, state.stream, self.dt, self.times)

    def _goes_on(self, state: State) -> bool:
        """Whether the spikes in flight are those of the last call, which nobody has looked up as numbers since."""
        made = self._made
        return (
            made is not None
            and state.history is made
            and state.step == self.now
            and self._same_stream(state)
            and made.untouched
        )

    def _same_stream(self, state: State) -> bool:
        return state.stream == self._window.state.stream

    def _take(self, state: State) -> None:
        """Begin from a state whose spikes in flight are known as lists, or with numbers for the drives of its stream."""
        lists = {n: listed(state.history, n) for n in self._shapes}
        past = {n: own.spikes for n, own in lists.items() if own is not None and self._has_form(n, own)}
        if self._delayed or not self._same_stream(state) or len(past) < len(self._shapes):
            window = Window({}, self.room, check_state(self.graph, state, 1).detach().clone())
            self._draw(state.stream)
            self._begin(window)
            return
        self._window = Window({}, self.room, State(state.step, {}, stream=state.stream))
        self._steps.restart(state.step, past)

    def _has_form(self, name: str, own: InFlight) -> bool:
        return own.shape == self._shapes[name] and own.dtype is self.dtype

    def _in_flight(self, name: str) -> Pending:
        if name in self._laws:
            return self._drawn(name)
        shape = self._shapes[name]
        return InFlight(shape, self.dtype, self._steps.fired(name, shape[0]))


def bind_simulation(graph: Graph, plan: Plan, state: State) -> BoundSimulation | None:
    """What serves runs like one that led to ``state``; None where there is more to find in each."""
    found = one_circuit(graph, plan, state.clone(), room_for(graph), _COMPARED)
    if found is None:
        return None
    with torch.no_grad(), own_precision():
        opened: OpensCircuit = unit_of(plan, found.unit)  # pyright: ignore[reportAssignmentType]  (its provider offered it)
        steps = opened.open_circuit_calls(found.task, found.watched, MOST)
    return None if steps is None else BoundSimulation(found, plan, steps)
