"""Stimuli: parts of a network that make their own emissions."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ranvier.errors import DimensionError, ShapeError
from ranvier.network.order import GraphError
from ranvier.network.stimuli.counts import count_of
from ranvier.units import UNITS, Dimension, Quantity, as_quantity
from ranvier.units.steps import nearest_steps, steps_in

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["Source", "SpikeTrains", "TimedArray"]

_NONE, _TIME = UNITS["1"].dimension, UNITS["ms"].dimension
#: a step beyond any run that still fits an int64
_NEVER = 1 << 62


class Source(ABC):
    """An input that a network generates: emissions by step and, unless ``frozen``, by sample and stream.

    A deterministic source returns its values from :meth:`block`. A random source has ``frozen = False`` and returns
    them from :meth:`draw`, by counting: the same step, sample and stream must always give the same numbers.

    Attributes
    ----------
    shape
        Shape of what is emitted at every step.
    dimension
        Physical dimension of what is emitted; a projection multiplies it by its weight.
    lag
        Steps from an emission to its earliest arrival: 1 for spikes, as between cells; 0 for a signal.
    single
        Whether it emits nothing but 0 and 1, so that a circuit may take the list of ``spikes`` instead.
    one_law
        Whether all cells and steps follow one Poisson law, so that a circuit may draw them by itself. Such a source has
        ``law(dt)``, and ``key(graph, stream)`` of its random numbers.
    frozen
        True where all samples of a batch and all calls get the same emissions.
    """

    shape: tuple[int, ...]
    dimension: Dimension = _NONE
    lag: int = 1
    single: bool = False
    one_law: bool = False
    frozen: bool = True

    def check(self, dt: float) -> None:  # noqa: B027
        """Raise for emissions that a step of ``dt`` (ms) does not allow; called when the source is added."""

    @abstractmethod
    def block(self, first: int, count: int, graph: Graph) -> torch.Tensor:
        """The emissions of steps first, first + 1, …: [count, 1, *shape] in the network's dtype.

        For a random source, those of sample 0 of stream 0.
        """

    def draw(self, first: int, count: int, graph: Graph, stream: int, batch: int) -> torch.Tensor:
        """The emissions of samples 0, 1, …, batch - 1 of ``stream``: [count, batch, *shape]."""
        return self.block(first, count, graph)

    def emissions(self, first: int, count: int, graph: Graph, stream: int = 0, batch: int = 1) -> torch.Tensor:
        """What a call of ``batch`` samples with ``stream`` gets, [count, batch, *shape], after a check."""
        which = self.stream_for(stream), 1 if self.frozen else batch
        found, wanted = self.draw(first, count, graph, *which), (count, which[1], *self.shape)
        if not isinstance(found, torch.Tensor) or tuple(found.shape) != wanted:
            given = f"shape {tuple(found.shape)}" if isinstance(found, torch.Tensor) else type(found).__name__
            asked = (
                f"block({first}, {count}, graph)"
                if self.frozen
                else f"draw({first}, {count}, graph, {stream}, {batch})"
            )
            raise ShapeError(
                f"{type(self).__name__}.{asked} gave {given}; it must give a tensor of shape {wanted}: "
                f"steps, {'1' if self.frozen else 'samples'}, and the shape of the source."
            )
        return found.to(graph.device, graph.dtype).expand(count, batch, *self.shape)

    def stream_for(self, stream: int) -> int:
        """The stream that it draws from in a call with ``stream``: always 0 where it is frozen."""
        return 0 if self.frozen else stream

    def spikes(self, first: int, count: int, graph: Graph, stream: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Step and cell of every spike of sample 0 in steps first, first + 1, …: as many as the number emitted.

        Raises
        ------
        GraphError
            Where emissions are not whole numbers.
        """
        emitted = self.emissions(first, count, graph, stream)[:, 0].flatten(1).cpu().numpy()
        step, cell = np.nonzero(emitted)
        found = emitted[step, cell]
        if (found < 0).any() or (found != np.rint(found)).any():
            name = next((n for n, known in graph.sources.items() if known is self), type(self).__name__)
            raise GraphError(
                f"cannot record the spikes of {name!r}: it emits {found.min():g} to {found.max():g}, not counts."
            )
        each = found.astype(np.int64)
        return np.repeat(step + first, each), np.repeat(cell, each)


class TimedArray(Source):
    """A recorded or computed signal: row n of ``values`` acts during step n.

    Parameters
    ----------
    values
        [T, …] numbers or a quantity. The last row goes on for ever. A tensor that asks for a gradient gets one.
    dt
        How long each row lasts, a multiple of the network's dt; one step where None.

    >>> current = net.source("current", rv.TimedArray(np.sin(np.arange(1000)[:, None] / 50) * nA))
    >>> names = net.connect("current", "cells", rv.AllToAll(), to="I")
    """

    lag = 0

    def __init__(self, values: Any, *, dt: Any = None) -> None:
        quantity = as_quantity(values)
        array = _numpy(quantity.value)
        learnt = isinstance(quantity.value, torch.Tensor) and quantity.value.requires_grad
        if array.ndim < 2 or 0 in array.shape:
            raise ShapeError(
                f"TimedArray: values have shape {array.shape}; expected [T, N], both at least 1 (a single signal is values[:, None])."
            )
        if not np.isfinite(array).all():
            where = tuple(int(k) for k in np.argwhere(~np.isfinite(array))[0])
            raise ShapeError(f"TimedArray: values hold {array[where]} at [time, …] = {where}; give finite numbers.")
        self.values = quantity.value if learnt else torch.from_numpy(array)
        self.dimension, self.shape = quantity.dimension, array.shape[1:]
        self.dt = None if dt is None else _time(dt, "TimedArray: dt")

    def block(self, first: int, count: int, graph: Graph) -> torch.Tensor:
        each = 1 if self.dt is None else float(steps_in(self.dt, graph.dt))
        if each < 1 or each != round(each):
            raise DimensionError(
                f"TimedArray: dt={self.dt:g} ms is not a multiple of the network's dt={graph.dt:g} ms; resample the values."
            )
        rows = (
            torch.arange(first, first + count)
            .div(min(round(each), _NEVER), rounding_mode="floor")
            .clamp(max=len(self.values) - 1)
        )
        return self.values[rows].unsqueeze(1).to(graph.device, graph.dtype)

    def __repr__(self) -> str:
        return f"TimedArray({list(self.values.shape)})"


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
        when, who = _numpy(quantity.value), _whole(_numpy(cell), "cell")
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
            when = _whole(when, "time")
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
        origin = _milliseconds(start, "start")
        if origin.shape != ():
            raise ShapeError(f"SpikeTrains: start={start!r} must be one time, such as 100*ms.")
        arrays = [_milliseconds(train, f"the train of cell {k}") - origin for k, train in enumerate(trains)]
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

    def block(self, first: int, count: int, graph: Graph) -> torch.Tensor:
        self.check(graph.dt)
        step = (
            self.when if self._in_steps else np.minimum(nearest_steps(self.when, graph.dt), _NEVER).astype(np.int64) - 1
        )
        low, high = np.searchsorted(step, [first, first + count])
        out = torch.zeros(count, self.shape[0], dtype=graph.dtype)
        rows, cells = torch.from_numpy(step[low:high] - first), torch.from_numpy(self.who[low:high])
        out.index_put_((rows, cells), torch.ones(high - low, dtype=graph.dtype), accumulate=True)
        return out.unsqueeze(1).to(graph.device)

    def __repr__(self) -> str:
        return f"SpikeTrains({len(self.who)} spikes, size={self.shape[0]})"


def _numpy(value: Any) -> np.ndarray:
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)


def _milliseconds(times: Any, what: str) -> np.ndarray:
    """Times with their unit, or numbers of ms."""
    quantity = as_quantity(times)
    array = _numpy(quantity.value).astype(np.float64)
    if quantity.dimension not in (_TIME, _NONE):
        raise DimensionError(
            f"SpikeTrains: {what} has dimension {quantity.dimension}; give times such as [1, 2]*ms, or numbers of ms."
        )
    return array


def _whole(values: np.ndarray, what: str) -> np.ndarray:
    """Indices as int64; an empty list may have any type."""
    whole = np.issubdtype(values.dtype, np.integer) or (
        values.dtype.kind == "f" and (np.abs(values) <= _NEVER).all() and (values == np.rint(values)).all()
    )
    if values.size and not whole:
        raise ShapeError(f"SpikeTrains: {what} must hold whole numbers of at most 2^62, got {values.dtype}.")
    return values.astype(np.int64)


def _time(value: Any, what: str) -> float:
    quantity = as_quantity(value)
    if quantity.dimension != _TIME or not (quantity.shape == () and 0 < float(quantity.value) < math.inf):
        raise DimensionError(f"{what}={value!r} must be a positive finite time, for example 1*ms.")
    return float(quantity.value)
