"""Given spikes as a stimulus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ranvier.errors import DimensionError, ShapeError
from ranvier.kernels.tasks import Spikes
from ranvier.network.stimuli._numbers import NEVER, milliseconds, numbers_in, whole_numbers
from ranvier.network.stimuli._source import Source
from ranvier.network.stimuli.counts import count_of
from ranvier.units import UNITS, Quantity, as_quantity
from ranvier.units.steps import nearest_steps

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["SpikeTrains"]

_NONE, _TIME = UNITS["1"].dimension, UNITS["ms"].dimension


class SpikeTrains(Source):
    """Given spikes.

    Parameters
    ----------
    time
        One entry per spike. Whole numbers are steps: the spike is fired in that step. A time t (``[1.5, 2] * ms``) is
        that of the spike, as :attr:`SpikeTrain.times` gives it: it is fired in the step that ends at t.
    cell
        Who fired, one entry per spike.
    size
        Number of cells.

    A cell listed twice in one step counts twice.

    >>> spikes = net.source("spikes", rv.SpikeTrains([5, 5, 9] * ms, [0, 1, 0], 2))
    """

    def __init__(self, time: Any, cell: Any, size: int) -> None:
        size = count_of(size, "SpikeTrains: size")
        quantity = as_quantity(time)
        self.shape = (size,)
        when, who = numbers_in(quantity.value), whole_numbers(numbers_in(cell), "cell")
        if when.shape != who.shape or who.ndim != 1:
            raise ShapeError(
                f"SpikeTrains: time has shape {when.shape} and cell {who.shape}; give two lists of equal length."
            )
        if who.size and (who.min() < 0 or who.max() >= size):
            raise ShapeError(
                f"SpikeTrains: cell holds {who.min() if who.min() < 0 else who.max()}, but there are cells 0 to {size - 1}."
            )
        if quantity.dimension not in (_TIME, _NONE):
            raise DimensionError(
                f"SpikeTrains: time has dimension {quantity.dimension}; give times such as [1, 2]*ms, or whole numbers of steps."
            )
        self._in_steps = quantity.dimension == _NONE
        if self._in_steps:
            when = whole_numbers(when, "time")
        elif not np.isfinite(when).all():
            raise ShapeError("SpikeTrains: time holds a value that is not finite; leave those spikes out.")
        if when.size and when.min() < 0:
            raise ShapeError(
                f"SpikeTrains: time holds {when.min():g}, before the start; shift the spikes to 0 or later."
            )
        if when.size and when.min() == 0 and not self._in_steps:
            raise ShapeError(
                "SpikeTrains: time holds 0 ms, where the first step begins; a spike has the time at which its step ends, so shift "
                "the spikes by dt, or give whole numbers of steps, which count from 0."
            )
        order = np.lexsort((who, when))
        self.when, self.who = when[order], who[order]

    @classmethod
    def from_times(cls, trains: Sequence[Any], *, start: Any = 0.0) -> SpikeTrains:
        """From the spike times of every cell, in ms where they have no unit; ``start`` becomes the beginning of the run.

        >>> trains = rv.SpikeTrains.from_times([[1.0, 7.5], [], [3.2]])
        >>> trains = rv.SpikeTrains.from_times([[0.25, 0.5] * second, [] * second], start=100 * ms)
        """
        if not isinstance(trains, Sequence | np.ndarray) or isinstance(trains, str):
            raise ShapeError(f"SpikeTrains: trains={trains!r} must be a list with the spike times of each cell.")
        origin = milliseconds(start, "start")
        if origin.shape != ():
            raise ShapeError(f"SpikeTrains: start={start!r} must be one time, such as 100*ms.")
        arrays = [milliseconds(train, f"the train of cell {k}") - origin for k, train in enumerate(trains)]
        for k, array in enumerate(arrays):
            if array.ndim != 1:
                raise ShapeError(f"SpikeTrains: the train of cell {k} is {trains[k]!r}; give a list of times per cell.")
        if not arrays:
            raise ShapeError("SpikeTrains: the recording holds no spike train; give one with at least one.")
        cell = np.repeat(np.arange(len(arrays)), [len(a) for a in arrays])
        return cls(Quantity(np.concatenate(arrays), _TIME), cell, len(arrays))

    @classmethod
    def from_neo(cls, recording: Any, *, start: float = 0.0) -> SpikeTrains:
        """From a ``neo.SpikeTrain``, a list of them, a ``Segment``, a ``Block``, or the path of a file that neo reads.

        A file is read in a separate process, which cannot run code from it. ``start`` (ms) becomes the beginning of
        the run. Needs the extra ``neuro``.

        >>> recorded = net.source("recorded", rv.SpikeTrains.from_neo("recording.mat"))
        """
        from ranvier.network.stimuli._recordings import trains_of_neo

        return cls.from_times(trains_of_neo(recording), start=start)

    @classmethod
    def from_pynapple(cls, recording: Any, *, start: float = 0.0) -> SpikeTrains:
        """From a pynapple ``TsGroup`` or ``Ts``, or the path of a file that pynapple wrote.

        Pickles in the file are never read. ``start`` (ms) becomes the beginning of the run. Objects need the
        extra ``neuro``; files need nothing.

        >>> recorded = net.source("recorded", rv.SpikeTrains.from_pynapple("units.npz"))
        """
        from ranvier.network.stimuli._recordings import trains_of_pynapple

        return cls.from_times(trains_of_pynapple(recording), start=start)

    @classmethod
    def from_nwb(cls, recording: Any, *, start: float = 0.0) -> SpikeTrains:
        """From the units of an ``NWBFile``, or the path of a file in Neurodata Without Borders format.

        ``start`` (ms) becomes the beginning of the run. Objects need the extra ``neuro``; files need the package h5py (extras
        ``data`` and ``neuro``).

        >>> recorded = net.source("recorded", rv.SpikeTrains.from_nwb("session.nwb"))
        """
        from ranvier.network.stimuli._recordings import trains_of_nwb

        return cls.from_times(trains_of_nwb(recording), start=start)

    def check(self, dt: float) -> None:
        """Check that every spike falls into a step of ``dt`` (ms)."""
        if not self._in_steps and self.when.size and int(nearest_steps(self.when[:1], dt)[0]) < 1:
            raise ShapeError(
                f"SpikeTrains: the spike at {self.when[0]:g} ms would be fired before the first step, which ends at dt={dt:g} ms; "
                "shift the spikes by one step."
            )

    def fires_once(self, dt: float) -> bool:
        step = self._steps(dt)
        place = np.lexsort((self.who, step))
        return not bool(((np.diff(step[place]) == 0) & (np.diff(self.who[place]) == 0)).any())

    def block(self, first: int, count: int, graph: Graph) -> torch.Tensor:
        found = self.listed(first, count, graph)
        rows = torch.repeat_interleave(torch.arange(count), found.bounds.diff())
        out = torch.zeros(count, self.shape[0], dtype=graph.dtype)
        out.index_put_((rows, found.cell.long()), torch.ones(len(rows), dtype=graph.dtype), accumulate=True)
        return out.unsqueeze(1).to(graph.device)

    def listed(self, first: int, count: int, graph: Graph, stream: int = 0) -> Spikes:
        self.check(graph.dt)
        step = self._steps(graph.dt)
        low, high = np.searchsorted(step, [first, first + count])
        step, who = step[low:high], self.who[low:high]
        bounds = np.searchsorted(step, np.arange(first, first + count + 1))
        cell = who[np.lexsort((who, step))].astype(np.int32)
        return Spikes(torch.from_numpy(cell), torch.from_numpy(bounds))

    def spikes(self, first: int, count: int, graph: Graph, stream: int = 0) -> tuple[np.ndarray, np.ndarray]:
        found = self.listed(first, count, graph)
        return np.repeat(np.arange(first, first + count), found.bounds.diff().numpy()), found.cell.numpy().astype(
            np.int64
        )

    def _steps(self, dt: float) -> np.ndarray:
        """The step of each spike, ascending."""
        return self.when if self._in_steps else np.minimum(nearest_steps(self.when, dt), NEVER).astype(np.int64) - 1

    def __repr__(self) -> str:
        return f"SpikeTrains({len(self.who)} spikes, size={self.shape[0]})"
