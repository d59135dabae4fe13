"""Recording: what a block of steps gave is cut to what was asked for, and handed on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ranvier.dynamics import COUNTER
from ranvier.errors import FileFormatError
from ranvier.kernels.tasks import Spikes
from ranvier.network.plastic.members import values_of
from ranvier.network.plastic.synapses import kept_in
from ranvier.network.recording._columns import Columns, Reader
from ranvier.network.recording._record import PopulationRecord
from ranvier.network.recording._spike_train import SpikeTrain
from ranvier.network.recording._statistics import Gatherer, Statistics
from ranvier.network.recording._wanted import Trace, Wanted
from ranvier.network.shapes import known_shape
from ranvier.network.simulation.progressed import Progressed
from ranvier.units.steps import times_at

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["Recorder", "begin_of", "record_from", "samples_in"]


class Recorder:
    """Takes blocks of ``steps`` steps from ``first`` on into ``columns``, computed at intervals of ``stride``."""

    def __init__(
        self, graph: Graph, wanted: Mapping[str, Wanted], columns: Columns, stride: int, first: int, steps: int
    ) -> None:
        self.graph, self.wanted, self.columns, self.stride, self.first = graph, wanted, columns, stride, first
        self.sizes = {n: self._size(n) for n in wanted}
        self.gatherers = {
            n: Gatherer(w.statistics, self.sizes[n], graph.dt, first) for n, w in wanted.items() if w.statistics
        }
        for n, w in wanted.items():
            if w.spikes:
                columns.declare(f"{n}/spikes/step", np.int64, ())
                columns.declare(f"{n}/spikes/cell", np.int64, ())
            for v, trace in w.traces.items():
                rows = samples_in(first, steps, trace.stride)
                columns.declare(f"{n}/{v}", self.kind(n, v), self._shape(n, v, trace), rows)

    def kind(self, n: str, variable: str) -> np.dtype:
        """The dtype in which a variable is recorded."""
        dtype = self.graph.dtype
        if n in self.graph.projections:
            plastic = self.graph.projections[n].plasticity
            dtype = dtype if plastic is None else kept_in(plastic, variable, dtype)
        elif n in self.graph.populations:
            step = self.graph.step(n)
            dtype = torch.float64 if step.output_of(variable) in step.exact else dtype
            dtype = torch.int32 if variable == COUNTER else dtype
        return torch.empty(0, dtype=dtype).numpy().dtype

    def _size(self, n: str) -> int:
        return (
            len(self.graph.projections[n].synapses)
            if n in self.graph.projections
            else math.prod(known_shape(self.graph, n))
        )

    def _shape(self, n: str, variable: str, trace: Trace) -> tuple[int, ...]:
        if trace.cells is not None:
            return (len(trace.cells),)
        if n in self.graph.projections:
            return (values_of(self.graph.projections[n], variable),)
        return known_shape(self.graph, n)

    def take(
        self, recorded: Mapping[tuple[str, str], torch.Tensor], spikes: Mapping[str, Spikes], start: int, count: int
    ) -> None:
        """Keep what a block recorded; samples are taken after every stride-th step."""
        ends = (
            np.arange(start + 1, start + count + 1) if any(w.traces for w in self.wanted.values()) else np.empty(0, int)
        )
        computed = ends[ends % self.stride == 0]
        for n, w in self.wanted.items():
            if w.spikes or w.statistics:
                step, cell = self._spikes(n, recorded, spikes, start, count)
                if w.spikes:
                    self.columns.append(f"{n}/spikes/step", step)
                    self.columns.append(f"{n}/spikes/cell", cell)
                if w.statistics:
                    self.gatherers[n].take(step, cell, start, count)
            for v, trace in w.traces.items():
                if n in self.graph.projections:  # known at the end of the block alone
                    x, taken = recorded.get((n, v)), ends[-1:]
                    x = x[-1:] if x is not None else None
                else:
                    x = recorded[n, v]
                    taken = ends if len(x) == count else computed
                if x is None:
                    continue
                rows, due = x[:, 0].numpy(), taken % trace.stride == 0
                rows = rows if due.all() else rows[due]
                if trace.cells is not None and len(rows):
                    rows = rows.reshape(len(rows), -1)[:, trace.cells]
                self.columns.append(f"{n}/{v}", rows)

    def _spikes(
        self,
        n: str,
        recorded: Mapping[tuple[str, str], torch.Tensor],
        spikes: Mapping[str, Spikes],
        start: int,
        count: int,
    ) -> tuple[np.ndarray, np.ndarray]:
        if n in spikes:
            found = spikes[n]
            steps = np.repeat(np.arange(start, start + count), np.diff(found.bounds.numpy()))
            return steps, found.cell.numpy().astype(np.int64)  # a copy: the next block uses the memory of the list
        step, cell = np.nonzero(recorded[n, "spikes"][:, 0].flatten(1).numpy())
        return step + start, cell

    def boundary(self, step: int) -> int | None:
        """The next step at which a block must end because weights are recorded there; None where there is none."""
        strides = [t.stride for n, w in self.wanted.items() if n in self.graph.projections for t in w.traces.values()]
        return min((step // s + 1) * s for s in strides) if strides else None

    def attributes(self, steps: int) -> dict[str, Any]:
        """What somebody who reads the columns has to know."""
        parts = {}
        for n, w in self.wanted.items():
            strides = {v: t.stride for v, t in w.traces.items()}
            parts[n] = {"size": self.sizes[n], "spikes": w.spikes, "stride": strides}
        return {**begin_of(self.graph.dt, self.first), "steps": steps, "parts": parts}

    def restore(self, at: Progressed) -> None:
        """Go on from what was gathered before.

        Raises
        ------
        FileFormatError
            Where it does not belong to this recording.
        """
        if at.done and at.statistics.keys() != self.gatherers.keys():
            found = ", ".join(at.statistics) or "no population"
            raise FileFormatError(f"the checkpoint holds statistics of {found}: it is damaged; start the run anew.")
        for n, arrays in at.statistics.items():
            self.gatherers[n].restore(dict(arrays), at.first + at.done)
        if at.done and dict(at.lengths) != self._rows(at):
            raise FileFormatError(
                f"the checkpoint counts the rows {dict(at.lengths)} after {at.done} steps: it is damaged; start the run anew."
            )

    def _rows(self, at: Progressed) -> dict[str, int]:
        """How many rows each column must have; spikes have as many steps as cells."""
        rows: dict[str, int] = {}
        for n, w in self.wanted.items():
            if w.spikes:
                rows |= dict.fromkeys((f"{n}/spikes/step", f"{n}/spikes/cell"), at.lengths.get(f"{n}/spikes/step", 0))
            for v, trace in w.traces.items():
                rows[f"{n}/{v}"] = samples_in(at.first, at.done, trace.stride)
        return rows

    def records(self, steps: int) -> dict[str, PopulationRecord]:
        """Everything recorded, by population."""
        about = self.attributes(steps)
        found = {n: Statistics(g) for n, g in self.gatherers.items()}
        return {n: record_from(about, n, self.columns.reader, found.get(n)) for n in self.wanted}


def samples_in(first: int, steps: int, stride: int) -> int:
    """Samples in ``steps`` steps from ``first`` on: one after every ``stride``-th step of the network."""
    return (first + steps) // stride - first // stride


def begin_of(dt: float, first: int) -> dict[str, Any]:
    """The attributes of a recording from step ``first`` on, in which there is nothing yet."""
    return {"format": "ranvier recording", "version": 1, "dt": dt, "first": first, "steps": 0, "parts": {}}


def record_from(
    about: Mapping[str, Any], n: str, reader: Callable[[str], Reader], statistics: Statistics | None = None
) -> PopulationRecord:
    """The record of one part, read from columns that ``about`` describes."""
    part, dt, first, steps = about["parts"][n], about["dt"], about["first"], about["steps"]
    columns = [reader(f"{n}/spikes/{what}") for what in ("step", "cell")] if part["spikes"] else []

    def train() -> SpikeTrain:
        step, cell = (np.asarray(read()) for read in columns)
        # a commit that was cut short may have written one column and not the other
        rows = min(len(cell), int(np.searchsorted(step, first + steps)))
        return SpikeTrain(step[:rows], cell[:rows], dt, part["size"], first, steps)

    def sampled(stride: int) -> np.ndarray:
        return times_at(np.arange(first // stride + 1, (first + steps) // stride + 1) * stride, dt)

    times = {v: sampled(stride) for v, stride in part["stride"].items()}
    reads = {v: reader(f"{n}/{v}") for v in times}
    variables = {v: lambda v=v: reads[v](len(times[v])) for v in times}
    return PopulationRecord(train if columns else None, variables, times, statistics)
