"""What a product of a network is made of: whether its operands are spikes, counts or other numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import torch

from ranvier.text_table import text_table

__all__ = ["BINARY", "COUNTS", "FLOATS", "FloatProducts", "Product", "Values", "values_of"]

BINARY, COUNTS, FLOATS = 0, 1, 2
#: the largest number of units that counts as a count
_MOST = 1 << 10
_HEADS = ("place", "operation", "shapes", "largest", "remark")


class Values(NamedTuple):
    """The kind of numbers in a tensor: ``level`` BINARY (0 and ``unit``), COUNTS (whole multiples of it) or FLOATS, and the largest size."""

    level: int
    unit: float
    largest: float


def values_of(x: torch.Tensor) -> Values:
    """What numbers a tensor holds."""
    if x.dtype == torch.bool or not x.numel():
        return Values(BINARY, 1.0, float(bool(x.any())))
    sizes = x.detach().abs().double()
    largest = float(sizes.max())
    if not largest < float("inf"):
        return Values(FLOATS, 1.0, largest)
    some = sizes[sizes > 0]
    if not some.numel():
        return Values(BINARY, 1.0, 0.0)
    least = float(some.min())
    for unit in (1.0, least):
        multiples = some / unit
        if largest / unit <= _MOST and bool(((multiples - multiples.round()).abs() <= 1e-5).all()):
            single = largest / unit < 1.5 and not bool((x < 0).any())
            return Values(BINARY if single else COUNTS, unit, largest)
    return Values(FLOATS, 1.0, largest)


@dataclass(frozen=True)
class Product:
    """A product in a network: its place, its operation, the shapes of its operands, and the largest size in the operand that is not spikes.

    >>> net = rv.Sequential(rv.Linear(20, 30), rv.LIF(30), rv.Linear(30, 3), rv.LeakyReadout(3), dt=1*ms)
    >>> [product.place for product in rv.blocks.float_products(net, torch.rand(10, 4, 20)).floats]
    ['linear1']
    """

    place: str
    operation: str
    shapes: tuple[tuple[int, ...], ...]
    largest: float
    remark: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        """Its texts in the table."""
        shapes = " and ".join(" x ".join(map(str, shape)) or "a number" for shape in self.shapes)
        return self.place, self.operation, shapes, f"{self.largest:.4g}", self.remark


@dataclass(frozen=True)
class FloatProducts:
    """The products of a network that are more than sums of weights by spikes; ``print`` shows a table.

    ``floats`` have no operand of spikes. ``counts`` have whole numbers in place of spikes: a product is then a repeated sum. ``scales`` multiply by
    a constant, which weights or thresholds can take over. ``silent`` are the places where an operand was always 0, so that the batch
    shows nothing about it.

    >>> net = rv.Sequential(rv.Linear(20, 30), rv.LIF(30), rv.Linear(30, 3), rv.LeakyReadout(3), dt=1*ms)
    >>> rv.blocks.float_products(net, torch.rand(10, 4, 20)).floats[0].operation
    'addmm'
    """

    floats: tuple[Product, ...]
    counts: tuple[Product, ...]
    scales: tuple[Product, ...]
    silent: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = {"floats": self.floats, "counts": self.counts, "scales": self.scales}
        tables = [f"{name}: {len(found) or 'none'}{_table(found)}" for name, found in parts.items()]
        return "\n\n".join([*tables, *([f"silent: {', '.join(self.silent)}"] if self.silent else [])])


def _table(found: Iterable[Product]) -> str:
    rows = [product.cells for product in found]
    return "\n" + text_table([_HEADS, *rows], right=(3,)) if rows else ""
