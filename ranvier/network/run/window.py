"""A window of steps while it is being computed: what is known, and what has been made so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import torch

from ranvier.connectivity.sequence_place import Place
from ranvier.kernels.rows import last_of
from ranvier.kernels.tasks import Spikes
from ranvier.network.state.history import History, InFlight
from ranvier.network.state.state import State

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["Window", "copy_if_shared"]

Tensor = torch.Tensor


class Window:
    """Steps [start, start + count) of one call.

    ``emissions`` holds what each part emitted in the window (its last steps suffice where nobody else reads it),
    ``variables`` and ``synapses`` the values after the steps done so far, ``history`` what was emitted before,
    ``streams`` what the step of each population read, piece by piece of the window. ``trains`` are spikes of sources as
    lists, ``spikes`` those of circuits, ``in_flight`` the emissions of the last steps of those that are lists.
    """

    def __init__(
        self, inputs: Mapping[str, Tensor], count: int, state: State, trains: Mapping[str, Spikes] | None = None
    ) -> None:
        self.state, self.start, self.count = state, state.step, count
        self.emissions: dict[str, Tensor] = dict(inputs)
        self.history: Mapping[str, Tensor] = state.history
        self.variables: dict[str, Mapping[str, Tensor]] = dict(state.variables)
        self.synapses: dict[str, dict[str, Tensor]] = {n: dict(v) for n, v in state.synapses.items()}
        self.streams: dict[str, list[Mapping[str, Tensor]]] = {}
        self.trains: Mapping[str, Spikes] = trains or {}
        self.spikes: dict[str, Spikes] = {}
        self.recorded: dict[tuple[str, str], Tensor] = {}
        self.in_flight: dict[str, InFlight] = {}

    @property
    def samples(self) -> int:
        """Samples of the batch."""
        known = (t for values in self.variables.values() for t in values.values())
        some = next(known, None)
        return next((x.shape[1] for x in self.emissions.values()), 1) if some is None else some.shape[0]

    def place(self, graph: Graph, first: int = 0) -> Place:
        """Where its step ``first`` lies in the sequence."""
        return Place(graph.seed, self.state.stream, self.start + first)

    def after(self) -> State:
        """The state at the end of the window."""
        flying = {n: self.in_flight.get(n) for n in self.history}
        history = {n: last_of(self.history[n], self.emissions[n]) if own is None else own for n, own in flying.items()}
        old = self.state
        return State(
            self.start + self.count, self.variables, History(history), self.synapses, old.stream, old.dt, old.times
        )


def copy_if_shared(x: Tensor, others: Iterable[Tensor]) -> Tensor:
    """``x``, or a copy of it where it lies in the memory of one of ``others``."""
    place = x.untyped_storage().data_ptr()
    return x.clone() if any(place == other.untyped_storage().data_ptr() for other in others) else x
