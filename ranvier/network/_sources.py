"""Stimuli: parts of a network that make their own emissions."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ranvier.errors import DimensionError, ShapeError
from ranvier.kernels.drawing import counted_uniforms
from ranvier.network._counts import count_of
from ranvier.network._graph import GraphError
from ranvier.units import UNITS, Dimension, Quantity, as_quantity
from ranvier.units._steps import nearest_steps, steps_in
from ranvier.values import key_of

if TYPE_CHECKING:
    from ranvier.network._network import Network

__all__ = ["Poisson", "Source", "SpikeTrains", "TimedArray"]

_NONE, _TIME = UNITS["1"].dimension, UNITS["ms"].dimension
#: steps for which a Poisson source draws at once, and the most draws a cell can need in them
_EPOCH, _DRAWS = 1024, 4096
#: a step that no run reaches, and that fits an int64
_NEVER = 1 << 62


def _spikes_of_epoch(key: tuple[int, int], epoch: int, chance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Spikes (step within the epoch, cell) of every cell: the gaps between them are geometric.

    A cell forgets at every step when it last fired, so each epoch may begin afresh and needs no other.
    """
    cells = np.flatnonzero(chance > 0)
    likely = float(chance.max(initial=0.0)) * _EPOCH
    draws = int(likely + 2 * math.sqrt(likely) + 2)  # those that need more draw again
    last = np.full(cells.size, -1, dtype=np.int64)
    with np.errstate(divide="ignore", over="ignore"):
        scale = 1 / np.log1p(-chance[cells])
    steps, who, drawn = [], [], 0
    while cells.size:
        start = (epoch * _DRAWS + drawn) * chance.size
        u = counted_uniforms(key, draws * chance.size, start=start).reshape(draws, chance.size)[:, cells]
        gap = np.minimum(np.log(u) * scale, _EPOCH)  # a longer one ends in no other way, and may be no int64
        place = last + np.cumsum(gap.astype(np.int64) + 1, axis=0)
        row, column = np.nonzero(place < _EPOCH)
        steps.append(place[row, column])
        who.append(cells[column])
        going = place[-1] < _EPOCH
        cells, scale, last, drawn = cells[going], scale[going], place[-1][going], drawn + draws
    return np.concatenate([*steps, np.empty(0, np.int64)]), np.concatenate([*who, np.empty(0, np.int64)])


class Source(ABC):
    """What a network can be driven by: emissions as a function of the step alone.

    Attributes
    ----------
    shape
        Shape of what is emitted at every step.
    dimension
        Physical dimension of what is emitted; a projection multiplies it by its weight.
    lag
        Steps from an emission to its earliest arrival: 1 for spikes, as between cells; 0 for a signal.
    single
        Whether it emits nothing but 0 and 1, so that a loop may take the list of ``spikes`` instead.
    """

    shape: tuple[int, ...]
    dimension: Dimension = _NONE
    lag: int = 1
    single: bool = False

    @abstractmethod
    def block(self, first: int, count: int, net: Network) -> torch.Tensor:
        """The emissions of steps first, first + 1, …: [count, 1, *shape] in the network's dtype."""

    def emissions(self, first: int, count: int, net: Network) -> torch.Tensor:
        """What :meth:`block` gives, if it is what it has to be."""
        found, wanted = self.block(first, count, net), (count, 1, *self.shape)
        if not isinstance(found, torch.Tensor) or tuple(found.shape) != wanted:
            given = f"shape {tuple(found.shape)}" if isinstance(found, torch.Tensor) else type(found).__name__
            raise ShapeError(
                f"{type(self).__name__}.block({first}, {count}, net) gave {given}; it must give a tensor of shape {wanted}: "
                "steps, 1, and the shape of the source."
            )
        return found.to(net.device, net.dtype)

    def spikes(self, first: int, count: int, net: Network) -> tuple[np.ndarray, np.ndarray]:
        """Step and cell of every spike in steps first, first + 1, …: as many as the number emitted.

        Raises
        ------
        GraphError
            Where something else than whole numbers is emitted.
        """
        emitted = self.emissions(first, count, net)[:, 0].flatten(1).cpu().numpy()
        step, cell = np.nonzero(emitted)
        found = emitted[step, cell]
        if (found < 0).any() or (found != np.rint(found)).any():
            name = next((n for n, known in net.sources.items() if known is self), type(self).__name__)
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

    >>> net.source("current", rv.TimedArray(np.sin(np.arange(1000)[:, None] / 50) * nA))
    >>> net.connect("current", "cells", rv.AllToAll(), to="I")
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

    def block(self, first: int, count: int, net: Network) -> torch.Tensor:
        each = 1 if self.dt is None else float(steps_in(self.dt, net.dt))
        if each < 1 or each != round(each):
            raise DimensionError(
                f"TimedArray: dt={self.dt:g} ms is not a multiple of the network's dt={net.dt:g} ms; resample the values."
            )
        rows = (
            torch.arange(first, first + count)
            .div(min(round(each), _NEVER), rounding_mode="floor")
            .clamp(max=len(self.values) - 1)
        )
        return self.values[rows].unsqueeze(1).to(net.device, net.dtype)

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

    >>> net.source("input", rv.SpikeTrains([5, 5, 9] * ms, [0, 1, 0], 2))
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
        order = np.lexsort((who, when))
        self.when, self.who = when[order], who[order]

    @classmethod
    def from_times(cls, trains: Sequence[Any], *, start: Any = 0.0) -> SpikeTrains:
        """From the spike times of every cell, in ms where they have no unit; ``start`` becomes the beginning of the run.

        >>> rv.SpikeTrains.from_times([[1.0, 7.5], [], [3.2]])
        >>> rv.SpikeTrains.from_times([[0.25, 0.5] * second, [] * second], start=100 * ms)
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

        A file is read in a process of its own, which may not run code that it holds. ``start`` (ms) becomes the beginning of
        the run. Needs the extra ``neuro``.

        >>> net.source("recorded", rv.SpikeTrains.from_neo(block.segments[0]))
        """
        from ranvier.network._recordings import trains_of_neo

        return cls.from_times(trains_of_neo(recording), start=start)

    @classmethod
    def from_pynapple(cls, recording: Any, *, start: float = 0.0) -> SpikeTrains:
        """From a pynapple ``TsGroup`` or ``Ts``, or the path of a file that pynapple wrote.

        What the file pickles beside the times is never read. ``start`` (ms) becomes the beginning of the run. Objects need the
        extra ``neuro``; files need nothing.

        >>> net.source("recorded", rv.SpikeTrains.from_pynapple(units))
        """
        from ranvier.network._recordings import trains_of_pynapple

        return cls.from_times(trains_of_pynapple(recording), start=start)

    @classmethod
    def from_nwb(cls, recording: Any, *, start: float = 0.0) -> SpikeTrains:
        """From the units of an ``NWBFile``, or the path of a file in Neurodata Without Borders format.

        ``start`` (ms) becomes the beginning of the run. Objects need the extra ``neuro``; files need the package h5py (extras
        ``data`` and ``neuro``).

        >>> net.source("recorded", rv.SpikeTrains.from_nwb("session.nwb"))
        """
        from ranvier.network._recordings import trains_of_nwb

        return cls.from_times(trains_of_nwb(recording), start=start)

    def block(self, first: int, count: int, net: Network) -> torch.Tensor:
        step = (
            self.when if self._in_steps else np.minimum(nearest_steps(self.when, net.dt), _NEVER).astype(np.int64) - 1
        )
        if step.size and step[0] < 0:
            raise ShapeError(
                f"SpikeTrains: the spike at {self.when[0]:g} ms would be fired before the first step, which ends at dt={net.dt:g} ms; shift the spikes by one step."
            )
        low, high = np.searchsorted(step, [first, first + count])
        out = torch.zeros(count, self.shape[0], dtype=net.dtype)
        rows, cells = torch.from_numpy(step[low:high] - first), torch.from_numpy(self.who[low:high])
        out.index_put_((rows, cells), torch.ones(high - low, dtype=net.dtype), accumulate=True)
        return out.unsqueeze(1).to(net.device)

    def __repr__(self) -> str:
        return f"SpikeTrains({len(self.who)} spikes, size={self.shape[0]})"


class Poisson(Source):
    """Independent random spikes: in every step each cell fires with probability rate*dt.

    The spikes depend on the network's seed, the name of the source, the cell and the step alone: on no thread and no cut.

    Parameters
    ----------
    rate
        One rate, or one per cell.
    size
        Number of cells.

    >>> net.source("background", rv.Poisson(8*Hz, 1000))
    """

    single = True

    def __init__(self, rate: Any, size: int) -> None:
        size = count_of(size, "Poisson: size")
        quantity = as_quantity(rate)
        if quantity.dimension * _TIME != _NONE:
            raise DimensionError(
                f"Poisson: rate={rate!r} has dimension {quantity.dimension}; give a rate, for example 8*Hz."
            )
        values = _numpy(quantity.value).astype(np.float64)
        if values.shape not in ((), (size,)):
            raise ShapeError(f"Poisson: rate has shape {values.shape}; give one rate, or one for each of {size} cells.")
        if not np.isfinite(values).all() or (values < 0).any():
            raise DimensionError(f"Poisson: rate={rate!r} holds a negative or non-finite value; a rate is 0 or more.")
        self.rate, self.shape = values, (size,)

    def block(self, first: int, count: int, net: Network) -> torch.Tensor:
        out = torch.zeros(count, 1, self.shape[0], dtype=net.dtype)
        step, cell = self.spikes(first, count, net)
        out[torch.from_numpy(step - first), 0, torch.from_numpy(cell)] = 1
        return out.to(net.device)

    def spikes(self, first: int, count: int, net: Network) -> tuple[np.ndarray, np.ndarray]:
        chance = self.rate * net.dt
        if chance.max() > 1:
            raise DimensionError(
                f"Poisson: {chance.max():g} spikes per cell and step of {net.dt:g} ms; a cell fires at most once in a step: lower the rate or dt."
            )
        name = next((n for n, source in net.sources.items() if source is self), "")
        key = key_of(net.seed, f"{name}.poisson")
        steps, cells = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for epoch in range(first // _EPOCH, (first + count - 1) // _EPOCH + 1):
            step, cell = _spikes_of_epoch(key, epoch, np.broadcast_to(chance, self.shape))
            step += epoch * _EPOCH
            kept = (step >= first) & (step < first + count)
            steps.append(step[kept])
            cells.append(cell[kept])
        return np.concatenate(steps), np.concatenate(cells)

    def __repr__(self) -> str:
        return f"Poisson({self.rate.mean() * 1000:g} Hz, size={self.shape[0]})"


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
