"""A simulation in progress: block after block, recorded, kept and stopped where its state is whole."""

from __future__ import annotations

import math
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

from ranvier._warn import warn
from ranvier.errors import NonFiniteError, RecordingError
from ranvier.network.checks import describe_non_finite
from ranvier.network.plan.plan import Plan
from ranvier.network.processes.agree import said_by_any
from ranvier.network.recording import Recorder
from ranvier.network.run.runner import Runner
from ranvier.network.simulation._bar import simulation_bar
from ranvier.network.simulation._emitted import Emitted
from ranvier.network.simulation._interrupts import Interrupts
from ranvier.network.simulation._onset import locate_onset
from ranvier.network.simulation.progressed import Progressed
from ranvier.network.simulation.run import Run
from ranvier.network.state.state import State

if TYPE_CHECKING:
    from ranvier.network.graph import Graph
    from ranvier.network.simulation.checkpoint import RunCheckpoint

__all__ = ["Job"]


class Job:
    """A run in progress: how far it is, and how it goes on."""

    def __init__(
        self,
        graph: Graph,
        plan: Plan,
        recorder: Recorder,
        at: Progressed,
        checkpoint: RunCheckpoint | None,
        interval: int,
    ) -> None:
        self.graph, self.plan, self.recorder = graph, plan, recorder
        self.checkpoint, self.interval = checkpoint, interval
        self.state, self.first, self.done = at.state, at.first, at.done
        self.before, self.recording = at.seconds, at.recording
        self.start = time.perf_counter()

    def run(self, steps: int, stride: int, progress: bool) -> Run:
        """All steps that are left."""
        graph, stopped = self.graph, ""
        largest = max([*(math.prod(p.shape) for p in graph.populations.values() if p.shape), 1])
        record = {n: w.names for n, w in self.recorder.wanted.items()}
        runner = Runner(graph, self.plan, record, every=stride, lists=True)
        sources = Emitted(graph, self.plan, runner.drives, record)
        budget = graph.bounds.listed if _only_lists(runner, sources.inside) else graph.bounds.dense
        block = max(stride, min(max(budget // largest, 64), 10_000) // stride * stride)
        interrupts = Interrupts()
        several = self._length(steps, stride, block) < steps - self.done  # one block is stopped by Python's own handler
        with (
            interrupts if several else nullcontext(),
            simulation_bar(self.done, steps, graph.dt, progress) as bar,
        ):
            while self.done < steps:
                self._block(runner, sources, self._length(steps, stride, block))
                trouble = None
                try:
                    self._keep(self.done == steps or interrupts.asked)
                except OSError as error:
                    trouble = error
                unwritten, asked = said_by_any(graph.processes, [trouble is not None, interrupts.asked])
                if unwritten:
                    raise self._unwritten(trouble or OSError("process 0 could not write.")) from trouble
                bar.update(self.done)
                if asked and self.done < steps:
                    stopped = f"interrupted at t = {self.state.step * graph.dt:g} ms"
                    break
        if stopped:
            warn(
                f"the simulation was {stopped}, {self.done} of {steps} steps done; go on with net.run(…, state=run.state)."
            )
        return self.result(stopped)

    def _block(self, runner: Runner, sources: Emitted, count: int) -> None:
        """The next ``count`` steps; what they made besides the state is recorded, and its memory free again."""
        before = self.state
        lists = sources.lists(before, count)
        window = runner.window(sources.arrays(before, count), count, before, lists)
        after = window.after()
        if describe_non_finite(self.graph, after):
            raise self._not_finite(count, after)
        spikes = window.spikes | sources.spikes(lists, before, count)
        self.recorder.take(window.recorded, spikes, before.step, count)
        self.state, self.done = after, self.done + count

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


def _only_lists(runner: Runner, inside: set[str]) -> bool:
    """Whether no array has steps times cells: only circuits, without time, and only spikes recorded."""
    circuits = {n for part in runner.plan.circuits for n in part}
    quiet = not any(c.step.clock.outputs for c in runner.cells.values())
    quiet = quiet and not any(runner.graph.sources[n].wide for n in inside)
    spikes = all(v == "spikes" for names in runner.record.values() for v in names)
    return quiet and spikes and circuits | inside == set(runner.graph.nodes)
