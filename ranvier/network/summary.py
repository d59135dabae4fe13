"""A table of the parts of a network: shapes, parameters, operations, provider and time constants."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch.nn.parameter import is_lazy

from ranvier.network.places import ordered
from ranvier.network.shapes import shapes_known
from ranvier.text_table import text_table
from ranvier.units import UNITS, Quantity

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ranvier.network.graph import Graph
    from ranvier.network.parts.projection import Projection
    from ranvier.network.plan.plan import Plan

__all__ = ["Row", "Summary", "summarize"]

_TIME = UNITS["ms"].dimension
_HEADS = ("name", "part", "shape", "parameters", "operations", "provider", "time constants")


@dataclass(frozen=True)
class Row:
    """One part: a transform, a population, a relay, an input or a source.

    ``shape`` is that of a sample behind it; ``operations`` are those of one sample in one step, None where they are not counted:
    multiply-adds of a transform if every input arrives, and operations in the program of a population, for all its cells.
    """

    name: str
    part: str
    shape: tuple[int, ...] | None
    parameters: int = 0
    operations: int | None = None
    provider: str = ""
    times: Mapping[str, str] | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        """The texts of its cells in the table."""
        shape = "?" if self.shape is None else " x ".join(map(str, self.shape))
        operations = "-" if self.operations is None else f"{self.operations:,}"
        times = ", ".join(f"{n}={t}" for n, t in (self.times or {}).items())
        return self.name, self.part, shape, f"{self.parameters:,}", operations, self.provider, times


@dataclass(frozen=True)
class Summary:
    """The parts of a network in rows, and their sums; ``print`` shows a table.

    >>> table = net.summary()
    >>> table.parameters >= 0
    True
    """

    rows: tuple[Row, ...]
    parameters: int

    @property
    def operations(self) -> int:
        """The sum of all operations that are counted."""
        return sum(row.operations or 0 for row in self.rows)

    def __getitem__(self, name: str) -> Row:
        """The row of this name."""
        return next(row for row in self.rows if row.name == name)

    def __str__(self) -> str:
        total = Row("total", "", (), self.parameters, self.operations).cells
        return text_table([_HEADS, *(row.cells for row in self.rows), total], right=(3, 4))


def summarize(graph: Graph, plan: Plan, shapes: Mapping[str, tuple[int, ...]] | None) -> Summary:
    """The rows of a network, in the order of its projections; ``shapes`` are those of inputs without a size."""
    given = {**{n: s for n, s in graph.inputs.items() if s is not None}, **(shapes or {})}
    given |= {n: s.shape for n, s in graph.sources.items() if s.shape is not None}
    known = shapes_known(graph, given)
    counted: set[int] = set()
    rows = [Row(n, "input", known.get(n)) for n in graph.inputs]
    rows += [Row(n, type(s).__name__, known.get(n)) for n, s in graph.sources.items()]
    for n in ordered(graph):
        if n in graph.projections:
            p = graph.projections[n]
            rows += _transforms(p, known.get(p.pre), plan.choice(n).who, counted)
        else:
            rows.append(_cells(graph, plan, n, known.get(n), counted))
    return Summary(tuple(rows), sum(row.parameters for row in rows))


def _new(module: nn.Module, counted: set[int]) -> int:
    """Learnt numbers of a module that no part before it has."""
    fresh = [q for q in module.parameters() if id(q) not in counted]
    counted.update(map(id, fresh))
    return sum(q.numel() for q in fresh if not is_lazy(q))


def _transforms(p: Projection, shape: tuple[int, ...] | None, provider: str, counted: set[int]) -> Iterator[Row]:
    """A row for each transform of a projection, whose name and ends the first one has."""
    ends = f"{p.pre} -> {p.post}.{p.port}"
    if not len(p.chain):
        yield Row(p.name, ends, shape, 0, 0, provider)
    for k, transform in enumerate(p.chain.transforms):
        made = None if shape is None else p.output_shape(shape, slice(k, k + 1))
        operations = None if shape is None or made is None else transform.operations(shape, made)
        name, part = (p.name, transform.kind) if len(p.chain) == 1 else (f"{p.name}.{k}", transform.kind)
        who = provider if k == 0 else ""
        yield Row(name, part if k else f"{part}: {ends}", made, _new(transform.module, counted), operations, who)
        shape = made


def _cells(graph: Graph, plan: Plan, name: str, shape: tuple[int, ...] | None, counted: set[int]) -> Row:
    """The row of a population, or of a relay."""
    if name in graph.relays:
        return Row(name, "Relay", shape)
    population = graph.populations[name]
    step = graph.step(name)
    each = sum(
        int(s.expression.count_ops())
        for s in step.program.only((*step.states, *step.counters, *step.events)).statements
    )
    cells = None if shape is None else each * math.prod(shape)
    units = population.cell.system.dimensions
    times = {n: _told(population.value(n)) for n in population.cell.parameters if units.get(n) == _TIME}
    return Row(name, population.cell.name, shape, _new(population, counted), cells, plan.provider(name), times)


def _told(value: Tensor) -> str:
    """A time, or the least and the greatest of several."""
    low, high = float(value.detach().min()), float(value.detach().max())
    return str(Quantity(low, _TIME)) if low == high else f"{Quantity(low, _TIME)} to {Quantity(high, _TIME)}"
