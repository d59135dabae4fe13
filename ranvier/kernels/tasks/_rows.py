"""Rows of synapses that are drawn from counted random numbers, and their possible targets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

__all__ = ["RowDraw", "RowSource"]


class RowDraw(NamedTuple):
    """The rows to draw, their stream, and the possible targets.

    ``first`` is the number of the first row. Targets are 0 ... ``choices`` - 1; with ``barred``, cell r is not a target of
    row r and numbers from r on move up by one.
    """

    key: tuple[int, int]
    first: int
    choices: int
    barred: bool = False
    stream: int = 0


@dataclass(frozen=True, eq=False)
class RowSource:
    """``rows`` rows of which each can be drawn by itself.

    ``degree`` is how many targets each row has, one number [1] or one per row; with ``p`` instead every choice is a target
    with that probability. ``multapses`` lets a target come twice. ``draw`` names the stream and the choices; its ``first``
    is 0.
    """

    rows: int
    draw: RowDraw
    degree: np.ndarray = field(default_factory=lambda: np.zeros(1, np.int64))
    p: float | None = None
    multapses: bool = True

    @property
    def expected(self) -> float:
        """How many synapses the rows have on average."""
        return self.rows * (float(self.degree.mean()) if self.p is None else self.p * self.draw.choices)

    @property
    def kind(self) -> str:
        """How its rows are drawn."""
        return "bernoulli" if self.p is not None else "repeated" if self.multapses else "distinct"
