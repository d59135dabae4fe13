"""Only the active state is timed: draw again while the circuit is silent, stop if it falls silent later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import numpy as np

from benchmarks.simulation._circuit import RATE_ACCEPTED_HZ

ATTEMPTS = 6


class _Checked(Protocol):
    def check(self) -> dict[str, np.ndarray]: ...


Circuit = TypeVar("Circuit", bound=_Checked)


def first_lit(make: Callable[[int], Circuit], seed: int, least: float = RATE_ACCEPTED_HZ[0]) -> Circuit:
    """Build with `seed`, `seed + 1`, … until the rate over a repetition is at least `least`, that of the active state.

    Raises:
        RuntimeError: none of the draws lit up.
    """
    rates: list[float] = []
    for attempt in range(ATTEMPTS):
        circuit = make(seed + attempt)
        rates.append(float(circuit.check()["rate"]))
        if rates[-1] >= least:
            return circuit
    raise RuntimeError(f"no draw lit up; rates were {', '.join(f'{rate:.2f}' for rate in rates)} Hz")


def still_lit(spikes: Any, cells: int, duration_s: float, least: float = RATE_ACCEPTED_HZ[0]) -> float:
    """Rate in Hz of a repetition that continues a run.

    Raises:
        RuntimeError: the circuit has fallen silent, so its time means nothing.
    """
    rate = float(spikes) / cells / duration_s
    if rate < 0.5 * least:
        raise RuntimeError(f"the circuit fell silent: {rate:.2f} Hz in this repetition")
    return rate
