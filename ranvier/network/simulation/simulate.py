"""Simulation: a network on its own, block after block, recording as it goes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from ranvier.network.forecast import check_run, check_traces
from ranvier.network.plan.planning import plan_for
from ranvier.network.precision import in_float32
from ranvier.network.processes.agree import agree_on, common_stream
from ranvier.network.processes.refuse import check_run as refuse_kept
from ranvier.network.processes.whole import own_state
from ranvier.network.recording import MemoryColumns, Recorder, begin_of, common_stride, read_record, stride_of
from ranvier.network.simulation._job import Job
from ranvier.network.simulation._keeping import Keeping, checkpoint_of, columns_of, kept_stream, written
from ranvier.network.simulation.given_inputs import given_inputs
from ranvier.network.simulation.progressed import Progressed
from ranvier.network.simulation.run import Run
from ranvier.network.simulation.short import is_plain, keep_short, short_run
from ranvier.network.state.check import check_state
from ranvier.network.state.initial import initial_state
from ranvier.network.state.state import State
from ranvier.network.warnings.late_times import warn_of_late_times
from ranvier.network.warnings.starts import warn_of_starts
from ranvier.network.warnings.windows import warn_of_windows
from ranvier.network.warnings.wiring import warn_of_wiring
from ranvier.units.steps import whole_steps

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["Keeping", "simulate"]


def simulate(
    graph: Graph, duration: Any, state: State | None, record: Mapping[str, Sequence[Any]], every: Any, progress: bool,
    keeping: Keeping, stream: int | None = None, inputs: Any = None,
) -> Run:  # fmt: skip
    """Run ``graph`` for ``duration``; see :meth:`Network.run`."""
    graph = in_float32(graph, "net.run")
    steps = whole_steps(duration, graph.dt, "duration")
    short = is_plain(record) and not (progress or graph.inputs) and keeping.nowhere
    short = short and state is not None and every is None and stream is None and inputs is None
    if short and state is not None and (found := short_run(graph, steps, state, record)) is not None:
        return found
    refuse_kept(graph, keeping.checkpoint, record)
    if state is not None:
        state = own_state(graph, state)
        state = check_state(graph, state, 1).with_stream(stream)
    taken = set(graph.inputs)
    graph = given_inputs(graph, inputs, steps, 0 if state is None else state.step)
    wanted = read_record(graph, record, stride_of(every, graph.dt))
    check_run(graph)
    if state is None:
        stream = common_stream(graph, kept_stream(keeping) if stream is None else stream)
        state = initial_state(graph, 1, stream)
        warn_of_starts(graph, state)
    warn_of_wiring(graph)
    asked = {"steps": steps, "record": wanted}
    asked |= {"inputs": {n: graph.sources[n] for n in sorted(taken)}} if taken else {}
    agree_on(graph, state, asked)
    checkpoint, found, interval = checkpoint_of(graph, state, keeping, asked)
    at = found or Progressed(state, state.step, 0, 0.0, recording=os.urandom(8).hex() if checkpoint else "")
    if checkpoint and found is None:
        written(lambda: checkpoint.write(at))
    plan = plan_for(graph, gradient=False, steps=steps, batch=1)
    warn_of_windows(graph, plan)
    warn_of_late_times(graph, state.step + steps)
    stride = common_stride(wanted)
    with torch.no_grad():
        columns = written(lambda: columns_of(graph, keeping, at, begin_of(graph.dt, at.first)))
        recorder = written(lambda: Recorder(graph, wanted, columns, stride, at.first, steps))
        if isinstance(columns, MemoryColumns):
            check_traces(recorder.sizes, wanted, recorder.kind, steps)
        recorder.restore(at)
        written(lambda: columns.commit(recorder.attributes(at.done)))
        job = Job(graph, plan, recorder, at, checkpoint, interval)
        run = job.run(steps, stride, progress and (graph.processes is None or graph.processes.rank == 0))
    if short and not run.stopped:
        keep_short(graph, plan, steps, run.state)
    return run
