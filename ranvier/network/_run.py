"""What a simulation returns: spikes and variables by population, and the state it ended in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ranvier.network._plan import Plan
from ranvier.network._state import State

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
        return (self.step + 1) * self.dt

    @property
    def duration(self) -> float:
        """Length of the recording in ms."""
        return self.steps * self.dt

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


class PopulationRecord:
    """What was recorded of one population: ``.spikes`` and every variable by name as an array [samples, cells]."""

    def __init__(self, spikes: SpikeTrain | None, variables: Mapping[str, np.ndarray], times: np.ndarray) -> None:
        self._spikes, self._variables = spikes, dict(variables)
        self.times = times

    @property
    def spikes(self) -> SpikeTrain:
        """The spikes."""
        if self._spikes is None:
            raise AttributeError("spikes were not recorded: pass record={'name': ['spikes']} to net.run.")
        return self._spikes

    def __getattr__(self, name: str) -> np.ndarray:
        if name.startswith("_") or name not in self._variables:
            raise AttributeError(
                f"{name!r} was not recorded: pass record={{'name': [{name!r}]}} to net.run; there are {', '.join(self) or 'none'}."
            )
        return self._variables[name]

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
    """

    records: Mapping[str, PopulationRecord]
    state: State
    duration: float
    seconds: float
    plan: Plan

    @property
    def real_time_factor(self) -> float:
        """Seconds of computation per second of biological time."""
        return self.seconds / (self.duration / 1000) if self.duration else float("nan")

    def __getitem__(self, name: str) -> PopulationRecord:
        if name not in self.records:
            raise KeyError(f"{name!r} was not recorded; there are {', '.join(self.records) or 'none'}")
        return self.records[name]
