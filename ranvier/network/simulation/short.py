"""Successive short runs: the second makes the set-up, and later ones use it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ranvier.network.recording import MemoryColumns, Recorder, read_record
from ranvier.network.run.kept import place_for
from ranvier.network.run.one_circuit import room_for
from ranvier.network.simulation.run import Run
from ranvier.network.state.state import State
from ranvier.network.warnings.late_times import warn_of_late_times

if TYPE_CHECKING:
    from ranvier.network.graph import Graph
    from ranvier.network.plan.plan import Plan
    from ranvier.network.recording import PopulationRecord
    from ranvier.network.run.bound_simulation import BoundSimulation

__all__ = ["is_plain", "keep_short", "short_run"]

#: dtypes and providers whose runs are kept at once
_MOST = 2


def is_plain(record: Any) -> bool:
    """Whether nothing but spikes is recorded."""
    return isinstance(record, Mapping) and all(
        isinstance(v, list | tuple) and [*v] == ["spikes"] for v in record.values()
    )


def short_run(graph: Graph, steps: int, state: State, record: Mapping[str, Any]) -> Run | None:
    """A run that was set up before, of which spikes are recorded; None where it must be run the long way."""
    start, kept = time.perf_counter(), graph.memo.runs.get((graph.dtype, graph.provider))
    bound = None if kept is None else kept.bound
    if kept is None or bound is None or state.__class__ is not State or steps < 1:
        return None
    if not bound.serves(graph):
        kept.drop()
        return None
    found = bound.call(state, steps, record)
    if found is None:
        return None
    kept.served += 1
    after, fired = found
    warn_of_late_times(graph, after.step)
    records: dict[str, PopulationRecord] = {}
    if record:
        recorder = Recorder(graph, read_record(graph, record, 1), MemoryColumns(), 1, state.step, steps)
        recorder.take({}, fired, state.step, steps)
        records = recorder.records(steps)
    return Run(records, after, steps * graph.dt, time.perf_counter() - start, bound.plan)


def keep_short(graph: Graph, plan: Plan, steps: int, state: State) -> None:
    """Set up for runs like one of so many steps that led to ``state``, unless that was refused or does not pay yet."""
    if 0 < steps <= room_for(graph):
        kept = place_for(graph.memo.runs, (graph.dtype, graph.provider), _MOST, wait=1)
        kept.bind(lambda: plan, lambda found: _bound(graph, found, state))


def _bound(graph: Graph, plan: Plan, state: State) -> BoundSimulation | None:
    from ranvier.network.run.bound_simulation import bind_simulation  # imported only by who runs again and again

    return bind_simulation(graph, plan, state)
