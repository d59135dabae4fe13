"""Many Poisson trains that reach a cell together."""

from __future__ import annotations

from typing import Any

from ranvier.network._counts import count_of
from ranvier.network._poisson_drive import PoissonDrive

__all__ = ["PoissonInput"]


class PoissonInput(PoissonDrive):
    """The superposition of ``trains`` independent Poisson trains for each cell: how many of them fire in a step.

    It is ``rv.PoissonDrive`` with trains*rate for its rate, and is drawn inside compiled loops as that is.

    Parameters
    ----------
    rate
        Of one train; one value, or one per cell.
    size
        Number of cells.
    trains
        How many trains reach each cell.
    frozen
        Give all samples and all calls the same counts.

    >>> cortex = net.source("cortex", rv.PoissonInput(8*Hz, 100, trains=1600))
    >>> names = net.connect("cortex", "cells", rv.OneToOne(), to="I", weight=0.1*nA, delay=1.5*ms)
    """

    def __init__(self, rate: Any, size: int, *, trains: int = 1, frozen: bool = False) -> None:
        super().__init__(rate, size, frozen=frozen)
        self.trains, self.rate_of_one = count_of(trains, "PoissonInput: trains"), self.rate
        self.rate = self.rate * self.trains

    def __repr__(self) -> str:
        frozen = ", frozen=True" if self.frozen else ""
        return (
            f"PoissonInput({self.rate_of_one.mean() * 1000:g} Hz, size={self.shape[0]}, trains={self.trains}{frozen})"
        )
