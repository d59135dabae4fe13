"""What a simulation returns: spikes and variables by population, and the state it ended in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ranvier._nearest import meant
from ranvier.network.plan.plan import Plan
from ranvier.network.state.state import State
from ranvier.units.steps import times_at

if TYPE_CHECKING:
    from ranvier.network.recording import Statistics

__all__ = ["PopulationRecord", "Run", "SpikeTrain"]


@dataclass(frozen=True)
class SpikeTrain:
    """Spikes of one population, in order of time and cell.

    Attributes
    ----------
    step, cell
        The step in which, and the cell by which, each spike was fired.
    dt
        Step length in ms.
    size, first, steps
        Number of cells; first step and number of steps of the recording.

    >>> spikes = net.run(100*ms, record={"exc": ["spikes"]})["exc"].spikes
    >>> times, rate = spikes.times, spikes.rate()
    """

    step: np.ndarray
    cell: np.ndarray
    dt: float
    size: int
    first: int
    steps: int

    @property
    def times(self) -> np.ndarray:
        """Times of the spikes in ms: step n ends at (n + 1)*dt."""
        return times_at(self.step + 1, self.dt)

    @property
    def duration(self) -> float:
        """Length of the recording in ms."""
        return float(times_at(self.steps, self.dt))

    def rates(self) -> np.ndarray:
        """Firing rate of every cell in Hz."""
        seconds = self.duration / 1000
        return np.bincount(self.cell, minlength=self.size) / seconds if seconds else np.zeros(self.size)

    def rate(self) -> float:
        """Mean firing rate in Hz."""
        return float(self.rates().mean())

    def trains(self) -> list[np.ndarray]:
        """Spike times in ms of each cell."""
        order = np.argsort(self.cell, kind="stable")
        return np.split(self.times[order], np.cumsum(np.bincount(self.cell, minlength=self.size))[:-1])

    def cv(self) -> float:
        """Mean coefficient of variation of the intervals of cells with at least three spikes; NaN where there are none."""
        values = [float(np.std(d) / np.mean(d)) for t in self.trains() if len(t) > 2 and np.mean(d := np.diff(t)) > 0]
        return float(np.mean(values)) if values else float("nan")

    def __len__(self) -> int:
        return len(self.step)


_MISSING = {
    "spikes": "spikes were not recorded: pass record={'name': ['spikes']} to net.run.",
    "statistics": "statistics were not gathered: pass record={'name': [rv.SpikeStatistics()]} to net.run.",
    "times": "the variables were sampled at different intervals: ask for times_of('name').",
}


class PopulationRecord:
    """What was recorded of one population: ``.spikes``, ``.statistics``, and every variable by name [samples, cells].

    ``times`` are those of the samples in ms, where all variables share them; :meth:`times_of` tells each variable's.
    A recording on disk is read anew at every access.
    """

    def __init__(
        self, spikes: Callable[[], SpikeTrain] | None, variables: Mapping[str, Callable[[], np.ndarray]],
        times: Mapping[str, np.ndarray], statistics: Any = None,
    ) -> None:  # fmt: skip
        self._spikes, self._variables, self._times, self._statistics = spikes, dict(variables), dict(times), statistics

    @property
    def spikes(self) -> SpikeTrain:
        """The spikes."""
        if self._spikes is None:
            raise AttributeError(_MISSING["spikes"])
        return self._spikes()

    @property
    def statistics(self) -> Statistics:
        """The statistics gathered while the network ran."""
        if self._statistics is None:
            raise AttributeError(_MISSING["statistics"])
        return self._statistics

    @property
    def times(self) -> np.ndarray:
        """Times of the samples in ms."""
        kinds = list(self._times.values())
        if any(len(t) != len(kinds[0]) or (t != kinds[0]).any() for t in kinds[1:]):
            raise AttributeError(_MISSING["times"])
        return kinds[0] if kinds else np.empty(0)

    def times_of(self, name: str) -> np.ndarray:
        """Times of the samples of one variable in ms."""
        if name not in self._times:
            return getattr(self, name)  # says what there is
        return self._times[name]

    def __getattr__(self, name: str) -> np.ndarray:
        if name in _MISSING:  # Python asks here once more when a property has none
            raise AttributeError(_MISSING[name])
        if name.startswith("_") or name not in self._variables:
            raise AttributeError(
                f"{name!r} was not recorded: pass record={{'name': [{name!r}]}} to net.run; there are {', '.join(self) or 'none'}."
                f"{meant(name, self)}"
            )
        return self._variables[name]()

    def __iter__(self) -> Iterator[str]:
        return iter([*(["spikes"] if self._spikes is not None else []), *self._variables])


@dataclass(frozen=True)
class Run:
    """A simulation's result.

    Attributes
    ----------
    state
        Where it ended; pass it to ``net.run(…, state=run.state)`` to go on.
    duration
        Simulated time in ms.
    seconds
        Time it took.
    plan
        Which kernels ran.
    stopped
        Why it ended early; empty where it did not.

    >>> run = net.run(100*ms, record={"exc": ["spikes"]})
    >>> later = net.run(100*ms, run.state)
    >>> later.state.step
    2000
    """

    records: Mapping[str, PopulationRecord]
    state: State
    duration: float
    seconds: float
    plan: Plan
    stopped: str = ""

    @property
    def real_time_factor(self) -> float:
        """Seconds of computation per second of biological time."""
        return self.seconds / (self.duration / 1000) if self.duration else float("nan")

    def __getitem__(self, name: str) -> PopulationRecord:
        if name not in self.records:
            raise KeyError(
                f"{name!r} was not recorded; there are {', '.join(self.records) or 'none'}.{meant(name, self.records)}"
            )
        return self.records[name]
