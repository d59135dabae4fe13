"""Spikes of one population, as a simulation records them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ranvier.units.steps import times_at

__all__ = ["SpikeTrain"]


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
