"""Simulation: a network on its own, block after block, recording as it goes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ranvier._warn import warn
from ranvier.errors import NonFiniteError, RecordingError
from ranvier.kernels.tasks import Spikes
from ranvier.network.checks import describe_non_finite
from ranvier.network.forecast import check_run, check_traces
from ranvier.network.order import GraphError
from ranvier.network.plan.drives import drawn_inside
from ranvier.network.plan.plan import Plan
from ranvier.network.plan.planning import plan_for
from ranvier.network.recording import (
    Columns,
    FolderColumns,
    MemoryColumns,
    Recorder,
    begin_of,
    common_stride,
    read_record,
    stride_of,
)
from ranvier.network.run.runner import Runner
from ranvier.network.simulation._bar import simulation_bar
from ranvier.network.simulation._interrupts import Interrupts
from ranvier.network.simulation._listed import listed_sources, spike_list
from ranvier.network.simulation._onset import locate_onset
from ranvier.network.simulation.progressed import Progressed
from ranvier.network.simulation.run import Run
from ranvier.network.state.check import check_state
from ranvier.network.state.initial import initial_state
from ranvier.network.state.state import State
from ranvier.network.warnings.late_times import warn_of_late_times
from ranvier.network.warnings.starts import warn_of_starts
from ranvier.network.warnings.wiring import warn_of_wiring
from ranvier.units.steps import nearest_steps, whole_steps

if TYPE_CHECKING:
    from ranvier.network.graph import Graph
    from ranvier.network.simulation.checkpoint import RunCheckpoint

__all__ = ["Keeping", "simulate"]

#: a block holds at most this many numbers per dense stream; where spikes are only listed, this many cells times steps
_BLOCK, _LISTED = 4_000_000, 256_000_000


@dataclass(frozen=True)
class Keeping:
    """Where a run is kept: ``to`` is the folder of its records, ``checkpoint`` that of its checkpoints.

    ``identity`` tells the network with all its numbers, so that a checkpoint continues no other one.
    """

    identity: Callable[[], Mapping[str, Any]]
    to: str | os.PathLike[str] | None = None
    checkpoint: str | os.PathLike[str] | None = None
    interval: Any = None


def simulate(
    graph: Graph, duration: Any, state: State | None, record: Mapping[str, Sequence[Any]], every: Any, progress: bool,
    keeping: Keeping, stream: int | None = None,
) -> Run:  # fmt: skip
    """Run ``graph`` for ``duration``; see :meth:`Network.run`."""
    steps = whole_steps(duration, graph.dt, "duration")
    wanted = read_record(graph, record, stride_of(every, graph.dt))
    check_run(graph)
    if state is None:
        state = initial_state(graph, 1, _kept_stream(keeping) if stream is None else stream)
        warn_of_starts(graph, state)
    else:
        state = check_state(graph, state, 1).with_stream(stream)
    warn_of_wiring(graph)
    warn_of_late_times(graph, state.step + steps)
    checkpoint, found, interval = _checkpoint(graph, state, keeping, {"steps": steps, "record": wanted})
    at = found or Progressed(state, state.step, 0, 0.0, recording=os.urandom(8).hex() if checkpoint else "")
    if checkpoint and found is None:
        _written(lambda: checkpoint.write(at))
    plan = plan_for(graph, gradient=False, steps=steps, batch=1)
    stride = common_stride(wanted)
    with torch.no_grad():
        columns = _written(lambda: _columns(keeping, at, begin_of(graph.dt, at.first)))
        recorder = _written(lambda: Recorder(graph, wanted, columns, stride, at.first))
        if isinstance(columns, MemoryColumns):
            check_traces(recorder.sizes, wanted, recorder.kind, steps)
        recorder.restore(at)
        _written(lambda: columns.commit(recorder.attributes(at.done)))
        job = _Job(graph, plan, recorder, at, checkpoint, interval)
        return job.run(steps, stride, progress)


def _kept_stream(keeping: Keeping) -> int | None:
    """The random stream of the run that a checkpoint belongs to, where there is one."""
    if keeping.checkpoint is None:
        return None
    from ranvier.network.simulation.checkpoint import stream_in  # files import networks

    return stream_in(keeping.checkpoint)


def _checkpoint(
    graph: Graph, state: State, keeping: Keeping, asked: Mapping[str, Any]
) -> tuple[RunCheckpoint | None, Progressed | None, int]:
    if keeping.checkpoint is None:
        if keeping.interval is not None:
            raise GraphError("checkpoint_every needs a folder: pass checkpoint='folder' too.")
        return None, None, 0
    from ranvier.network.simulation.checkpoint import RunCheckpoint, request_of  # files import networks

    interval = max(1, int(nearest_steps(1000, graph.dt)))
    if keeping.interval is not None:
        interval = whole_steps(keeping.interval, graph.dt, "checkpoint_every", 1)
    to = None if keeping.to is None else os.fspath(keeping.to)
    checkpoint = RunCheckpoint(keeping.checkpoint, request_of(keeping.identity(), state, {**asked, "to": to}))
    return checkpoint, checkpoint.read(lambda found: check_state(graph, found, 1)), interval


def _columns(keeping: Keeping, at: Progressed, begin: Mapping[str, Any]) -> Columns:
    if keeping.to is None and keeping.checkpoint is None:
        return MemoryColumns()
    folder = Path(keeping.to) if keeping.to is not None else Path(os.fspath(keeping.checkpoint or "")) / "records.zarr"
    return FolderColumns(folder, begin, at.recording, at.lengths)


def _written(action: Callable[[], Any]) -> Any:
    """What ``action`` gives; trouble of the file system as an error of ours."""
    try:
        return action()
    except OSError as error:
        raise RecordingError(f"the simulation cannot begin, for its recording or checkpoint: {error}") from error


class _Job:
    """A run in progress."""

    def __init__(
        self,
        graph: Graph,
        plan: Plan,
        recorder: Recorder,
        at: Progressed,
        checkpoint: RunCheckpoint | None,
        interval: int,
    ) -> None:
        self.graph, self.plan, self.recorder, self.checkpoint, self.interval = (
            graph,
            plan,
            recorder,
            checkpoint,
            interval,
        )
        self.state, self.first, self.done, self.before, self.recording = (
            at.state,
            at.first,
            at.done,
            at.seconds,
            at.recording,
        )
        self.start = time.perf_counter()

    def run(self, steps: int, stride: int, progress: bool) -> Run:
        """All steps that are left."""
        graph, recorder, stopped = self.graph, self.recorder, ""
        largest = max([*(p.shape[0] for p in graph.populations.values() if p.shape), 1])
        record = {n: w.names for n, w in recorder.wanted.items()}
        runner = Runner(graph, self.plan, record, every=stride, lists=True)
        listed = listed_sources(graph, self.plan)
        inside = drawn_inside(graph, runner.drives) | listed
        budget = _LISTED if _only_lists(runner, inside, record) else _BLOCK
        block = max(stride, min(max(budget // largest, 64), 10_000) // stride * stride)
        interrupts = Interrupts()
        several = self._length(steps, stride, block) < steps - self.done  # one block is stopped by Python's own handler
        with (
            interrupts if several else nullcontext(),
            simulation_bar(self.done, steps, graph.dt, progress) as bar,
        ):
            while self.done < steps:
                count = self._length(steps, stride, block)
                inputs = self._inputs(count, inside)
                trains = {n: spike_list(graph, n, self.state.step, count, self.state.stream) for n in listed}
                window = runner.window(inputs, count, self.state, trains)
                after = window.after()
                if describe_non_finite(graph, after):
                    raise self._not_finite(count, after)
                recorder.take(window.recorded, window.spikes | self._trains(trains, count), self.state.step, count)
                del window  # its memory is the next block's
                self.state, self.done = after, self.done + count
                try:
                    self._keep(self.done == steps or interrupts.asked)
                except OSError as error:
                    raise self._unwritten(error) from error
                bar.update(self.done)
                if interrupts.asked and self.done < steps:
                    stopped = f"interrupted at t = {self.state.step * graph.dt:g} ms"
                    break
        if stopped:
            warn(
                f"the simulation was {stopped}, {self.done} of {steps} steps done; go on with net.run(…, state=run.state)."
            )
        return self.result(stopped)

    def _trains(self, trains: Mapping[str, Spikes], count: int) -> dict[str, Spikes]:
        """The spikes of the sources that are recorded."""
        out, at = {}, self.state
        for n in self.graph.sources.keys() & self.recorder.wanted.keys():
            out[n] = trains[n] if n in trains else spike_list(self.graph, n, at.step, count, at.stream)
        return out

    def _inputs(self, count: int, inside: set[str]) -> dict[str, torch.Tensor]:
        """What the sources emit; of those that a circuit draws itself or takes as a list, the last steps suffice."""
        out, depths = {}, self.graph.depths() if self.graph.sources else {}
        for n, source in self.graph.sources.items():
            kept = min(count, depths.get(n, 0)) if n in inside else count
            out[n] = source.emissions(self.state.step + count - kept, kept, self.graph, self.state.stream)
        return out

    def _length(self, steps: int, stride: int, block: int) -> int:
        """Steps of the next block: whole recording intervals, ended by what falls due in it."""
        step = self.state.step
        count = min(block - step % stride, steps - self.done)
        due = self.recorder.boundary(step)
        if due is not None:
            count = min(count, due - step)
        if self.checkpoint:
            count = min(count, self.interval - self.done % self.interval)
        return count

    def _keep(self, last: bool) -> None:
        """Commit what was recorded; write a checkpoint where one is due."""
        due = self.checkpoint is not None and (last or self.done % self.interval == 0)
        self.recorder.columns.commit(self.recorder.attributes(self.done), sync=due)
        if self.checkpoint is not None and due:
            gathered = {n: g.arrays() for n, g in self.recorder.gatherers.items()}
            lengths = self.recorder.columns.lengths()
            at = Progressed(self.state, self.first, self.done, self.seconds, lengths, gathered, self.recording)
            self.checkpoint.write(at)

    @property
    def seconds(self) -> float:
        """Time it has taken."""
        return self.before + time.perf_counter() - self.start

    def result(self, stopped: str) -> Run:
        """The run so far."""
        return Run(
            self.recorder.records(self.done),
            self.state if self.done else self.state.clone(),
            self.done * self.graph.dt,
            self.seconds,
            self.plan,
            stopped,
        )

    def _not_finite(self, count: int, after: State) -> NonFiniteError:
        trouble = locate_onset(self.graph, self.plan, self.state, count) or describe_non_finite(self.graph, after)
        error = NonFiniteError(trouble)
        error.run = self.result("a value became NaN or infinite")
        return error

    def _unwritten(self, error: OSError) -> RecordingError:
        where = f"t = {self.state.step * self.graph.dt:g} ms"
        made = RecordingError(
            f"the simulation stopped at {where}, {self.done} steps done, because its recording or checkpoint could not be "
            f"written: {error} What was written before can be read, and error.run.state continued."
        )
        made.run = self.result("the recording could not be written")
        return made


def _only_lists(runner: Runner, inside: set[str], record: Mapping[str, Sequence[str]]) -> bool:
    """Whether no array has steps times cells: only circuits, without noise or time, and only spikes recorded."""
    circuits = {n for part in runner.plan.circuits for n in part}
    quiet = not any(c.step.system.noises or c.step.clock.outputs for c in runner.cells.values())
    spikes = all(v == "spikes" for names in record.values() for v in names)
    return quiet and spikes and circuits | inside == set(runner.graph.nodes)
