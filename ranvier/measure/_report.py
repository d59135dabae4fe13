"""What was counted: rows by place, sums for each sample, and what was left out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ranvier.errors import ShapeError
from ranvier.text_table import text_table

__all__ = ["Operations", "Row", "Uncounted"]

_HEADS = ("place", "MAC", "AC", "dense", "updates", "cell operations", "spikes per step")


@dataclass(frozen=True)
class Row:
    """The operations of one place, a transform, a population or a module, over all samples and steps.

    Attributes
    ----------
    place
        Its name.
    macs, acs
        Multiplications with additions, and plain additions.
    dense
        Both together if no number were 0.
    inputs, events, outputs
        Numbers that enter products with weights, those that are not 0, and numbers that leave.
    weights, zeros
        Weights, and those that are 0.
    updates
        States of cells that were advanced.
    arithmetic
        Operations in the equations of the cells, as ``net.summary()`` counts them.
    cells
        Cells of a population.
    spikes, slots
        Spikes, and cells times steps in which one could fall.
    convolved
        Those of ``events`` that enter a convolution.
    steps
        Steps of a sample; 1 outside of networks.
    """

    place: str
    macs: int = 0
    acs: int = 0
    dense: int = 0
    inputs: int = 0
    events: int = 0
    outputs: int = 0
    weights: int = 0
    zeros: int = 0
    updates: int = 0
    arithmetic: int = 0
    cells: int = 0
    spikes: int = 0
    slots: int = 0
    convolved: int = 0
    steps: int = 1

    @property
    def rate(self) -> float | None:
        """Spikes for each cell and step; None where there are no cells that fire."""
        return self.spikes / self.slots if self.slots else None


@dataclass(frozen=True)
class Uncounted:
    """An operation that is not counted, its place, and how many numbers it took."""

    place: str
    operation: str
    size: int


@dataclass(frozen=True)
class Operations:
    """Operations on ``samples`` samples; :attr:`macs`, :attr:`acs`, :attr:`dense` and :attr:`updates` are means of one sample.

    ``print`` shows a table. ``a + b`` joins the counts of two batches of one network. ``uncounted`` lists what is in no sum.

    >>> net = rv.Sequential(rv.Linear(20, 30), rv.LIF(30), rv.Linear(30, 3), rv.LeakyReadout(3), dt=1*ms)
    >>> counts = rv.measure.operations(net, torch.ones(10, 4, 20))
    >>> counts["linear1"].acs, counts["lif1"].updates, counts.uncounted
    (24000, 1200, ())
    """

    rows: tuple[Row, ...]
    samples: int
    uncounted: tuple[Uncounted, ...]
    parameter_bytes: int
    state_bytes: int
    convention: str = "elements"

    def __getitem__(self, place: str) -> Row:
        """The row of a place."""
        for row in self.rows:
            if row.place == place:
                return row
        raise ShapeError(f"there is no row {place!r}: there are {', '.join(row.place for row in self.rows)}.")

    @property
    def macs(self) -> float:
        """Multiplications with additions of one sample."""
        return self._mean(row.macs for row in self.rows)

    @property
    def acs(self) -> float:
        """Additions of one sample."""
        return self._mean(row.acs for row in self.rows)

    @property
    def dense(self) -> float:
        """Both together if no number were 0."""
        return self._mean(row.dense for row in self.rows)

    @property
    def updates(self) -> float:
        """States that are advanced for one sample."""
        return self._mean(row.updates for row in self.rows)

    @property
    def rate(self) -> float | None:
        """Spikes for each cell and step; None where no cells fire."""
        slots = sum(row.slots for row in self.rows)
        return sum(row.spikes for row in self.rows) / slots if slots else None

    @property
    def connection_sparsity(self) -> float:
        """The share of weights that are 0."""
        weights = sum(row.weights for row in self.rows)
        return sum(row.zeros for row in self.rows) / weights if weights else 0.0

    def as_neurobench(self) -> dict[str, Any]:
        """The metrics of NeuroBench by their names, as its benchmarks return them.

        With ``convention="elements"``, ``Footprint`` is the bytes of parameters, and ``MembraneUpdates`` are all states advanced.
        """
        return {
            "Footprint": self.parameter_bytes,
            "ConnectionSparsity": round(self.connection_sparsity, 4),
            "ActivationSparsity": 0.0 if self.rate is None else 1 - self.rate,
            "SynapticOperations": {
                "Effective_MACs": self.macs,
                "Effective_ACs": self.acs,
                "Dense": self.dense,
            },
            "MembraneUpdates": self.updates,
        }

    def __add__(self, other: Operations) -> Operations:
        """The counts of both batches."""
        if [r.place for r in self.rows] != [r.place for r in other.rows] or self.convention != other.convention:
            raise ShapeError("only counts of one network, by one convention, can be added.")
        lasting = ("weights", "zeros", "cells", "steps")
        rows = [
            Row(a.place, *(getattr(a, n) if n in lasting else getattr(a, n) + getattr(b, n) for n in _NUMBERS))
            for a, b in zip(self.rows, other.rows, strict=True)
        ]
        left: dict[tuple[str, str], int] = {}
        for u in (*self.uncounted, *other.uncounted):
            left[u.place, u.operation] = left.get((u.place, u.operation), 0) + u.size
        return Operations(
            tuple(rows), self.samples + other.samples, tuple(Uncounted(*k, n) for k, n in left.items()),
            self.parameter_bytes, self.state_bytes, self.convention,
        )  # fmt: skip

    def __str__(self) -> str:
        each = [_texts(row, self.samples) for row in self.rows]
        total = (
            "one sample",
            *(_short(n) for n in (self.macs, self.acs, self.dense, self.updates)),
            "",
            _rate(self.rate),
        )
        table = text_table([_HEADS, *each, total], right=range(1, len(_HEADS)))
        left = "; ".join(f"{u.operation} in {u.place} ({u.size:,} numbers)" for u in self.uncounted)
        memory = f"parameters {self.parameter_bytes:,} bytes, states {self.state_bytes:,} bytes for a sample"
        return f"{table}\n{self.samples:,} samples, convention {self.convention}; {memory}\nnot counted: {left or 'nothing'}"

    def _mean(self, numbers: Iterable[int]) -> float:
        return sum(numbers) / self.samples


_NUMBERS = tuple(n for n in Row.__dataclass_fields__ if n != "place")


def _texts(row: Row, samples: int) -> tuple[str, ...]:
    numbers = (row.macs, row.acs, row.dense, row.updates, row.arithmetic)
    return row.place, *(_short(n / samples) for n in numbers), _rate(row.rate)


def _short(number: float) -> str:
    return f"{number:,.0f}" if number == round(number) else f"{number:,.1f}"


def _rate(rate: float | None) -> str:
    return "" if rate is None else f"{rate:.4f}"
