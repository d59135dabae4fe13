"""The record of one population: spikes, variables and statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ranvier._nearest import meant
from ranvier.network.recording._spike_train import SpikeTrain

if TYPE_CHECKING:
    from ranvier.network.recording._recorded_array import RecordedArray
    from ranvier.network.recording._statistics import Statistics

__all__ = ["PopulationRecord"]

_MISSING = {
    "spikes": "spikes were not recorded: pass record={'name': ['spikes']} to net.run.",
    "statistics": "statistics were not gathered: pass record={'name': [rv.SpikeStatistics()]} to net.run.",
    "times": "the variables were sampled at different intervals: ask for times_of('name').",
}


class PopulationRecord:
    """The record of one population: ``.spikes``, ``.statistics``, and every variable by name [samples, cells].

    ``times`` are those of the samples in ms, where all variables share them; :meth:`times_of` tells each variable's.
    A recording on disk is read anew at every access; its variables are ``RecordedArray`` objects, which read what is asked for.
    """

    def __init__(
        self, spikes: Callable[[], SpikeTrain] | None, variables: Mapping[str, Callable[[], np.ndarray | RecordedArray]],
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

    def __getattr__(self, name: str) -> Any:
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
