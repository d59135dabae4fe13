"""How far a simulation is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ranvier.network.state.state import State

__all__ = ["Progressed"]


@dataclass(frozen=True)
class Progressed:
    """How far a run is: ``done`` steps from step ``first``, in ``seconds``, ``lengths`` rows recorded of each column.

    ``recording`` names the run in the folder of its records.
    """

    state: State
    first: int
    done: int
    seconds: float
    lengths: Mapping[str, int] = field(default_factory=dict)
    statistics: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    recording: str = ""
