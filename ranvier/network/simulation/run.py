"""The result of a simulation: records by population, and the last state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ranvier._nearest import meant
from ranvier.network.plan.plan import Plan
from ranvier.network.state.state import State

if TYPE_CHECKING:
    from ranvier.network.recording import PopulationRecord

__all__ = ["Run"]


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
