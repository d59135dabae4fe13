"""The gradient to the weights of a fused operation: turn by turn while gradients are in the cache, or at the end."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch

from ranvier.kernels.cpu.events.find import EventList
from ranvier.kernels.cpu.events.gather import chunks, gather_kernel
from ranvier.kernels.cpu.events.transpose import transpose_kernel, transposed
from ranvier.kernels.cpu.events.weight_gradient import block_rows, by_column, sort_kernel, weight_gradient
from ranvier.kernels.cpu.fused._carried import Carried
from ranvier.kernels.cpu.fused.span import Rows, Span
from ranvier.kernels.cpu.host.checked import Place
from ranvier.kernels.cpu.host.schedule import Call
from ranvier.kernels.cpu.host.weights import Weights

__all__ = ["Summed"]

Tensor = torch.Tensor


class Summed(Carried):
    """A dense matrix through which spikes arrive, and the sum of its gradient."""

    post: str
    stream: str
    sizes: tuple[int, ...]
    rows: Weights

    @property
    def sources(self) -> int:
        """Cells that send."""
        return self.sizes[0]

    def __init__(self) -> None:
        self._ordered: dict[int, EventList] = {}

    @abstractmethod
    def arrived(self) -> EventList:
        """The arrivals of the call: a row for each step and row of the batch."""

    def order(self, block: int, only: Sequence[int] | None = None) -> EventList:
        """The arrivals by column within every ``block`` rows (or some of them), in the same memory every time."""
        listed = self.arrived()
        if (
            block not in self._ordered and "index" in self.kept
        ):  # as much room as the list has; few pages are ever written
            pointer = listed.pointer.new_zeros(-(-listed.rows // block) * listed.columns + 1)
            value = None if listed.value is None else torch.empty_like(listed.value)
            self._ordered[block] = EventList(pointer, torch.empty_like(self.kept["index"]), value, listed.rows)
        self._ordered[block] = by_column(listed, block, self._ordered.get(block), only)
        return self._ordered[block]

    def turning(self) -> list[Call]:
        """Calls that turn the weight into the rows that events name."""
        weight, rows = self.kept["weight"], self.rows.table
        sizes = {"rows": rows.shape[1], "columns": rows.shape[0]}
        return [Call(transpose_kernel(self.dtype), matrix=weight, out=rows, **sizes)]

    def ordering(self, block: int) -> list[Call]:
        """Calls that do what :meth:`order` does, for :meth:`add` to work with."""
        pointer, index, value = self.kept["pointer"], self.kept["index"], self.kept.get("value")
        rows, columns = len(pointer) - 1, self.sources
        blocks = -(-rows // block)
        own = EventList(
            torch.zeros(blocks * columns + 1, dtype=torch.int64), torch.empty_like(index),
            None if value is None else torch.empty_like(value), rows,
        )  # fmt: skip
        self._ordered[block] = own
        return [
            Call(
                sort_kernel(self.dtype), pointer=pointer, index=index, value=value,
                cursor=Place(own.pointer, 8 * (1 + k * columns)), rows=own.index, values=own.value, start=k * block,
                stop=min((k + 1) * block, rows), columns=columns, valued=value is not None,
            )
            for k in range(blocks)
        ]  # fmt: skip

    def order_of(self, block: int) -> EventList:
        """What the calls of :meth:`ordering` write."""
        return self._ordered[block]

    def add(self, span: Span, gradient: Rows, batch: int, block: int, total: Tensor) -> list[Call]:
        """Calls that add the weight gradient of a turn (``block`` rows) to ``total`` [K, N]."""
        ordered = self._ordered.get(block) or self.order(block)
        columns, width = total.shape
        blocks = 8 * columns
        pointer = Place(ordered.pointer, span.first * batch // block * blocks, blocks)
        row = batch * width * total.element_size()  # events name the rows of the whole call
        begin = gradient.place(span)
        step = begin.step - span.chunk * row if gradient.scratch else 0
        source = begin._replace(offset=begin.offset - span.first * row, step=step)
        return _adding(ordered, pointer, source, total)

    def summing(self, gradient: Tensor, total: Tensor) -> list[Call]:
        """Calls that add the weight gradient of all steps to ``total``, from the gradient [T * B, N] to the arrivals."""
        rows, columns, width = len(gradient), *total.shape
        block = block_rows(width, total.itemsize)
        calls, listed = self.ordering(block), self.order_of(block)
        for k in reversed(range(-(-rows // block))):
            pointer = Place(listed.pointer, listed.pointer.itemsize * k * columns)
            calls += _adding(listed, pointer, gradient, total)
        return calls

    def weight_gradient(self, gradient: Tensor, block: int | None) -> Tensor:
        """Gradient to the weights as given, from the gradient ``[T * B, N]`` to the arrivals."""
        return transposed(weight_gradient(self.arrived(), gradient, block=block))

    def add_to(self, total: Tensor, gradient: Tensor, block: int | None, rows: Sequence[range] = ()) -> None:
        """Add the weight gradient of all rows, or of those named, to ``total`` [K, N], from the gradient [R, N]."""
        listed = self.arrived()
        weight_gradient(listed.of_rows(rows) if rows else listed, gradient, total, block)


def _adding(ordered: EventList, pointer: Place, source: Tensor | Place, total: Tensor) -> list[Call]:
    """Calls that add, for each column, the rows of ``source`` that its events name to ``total`` [K, N]."""
    columns, width = total.shape
    return [
        Call(
            gather_kernel(total.dtype, until - first, ordered.value is not None), pointer=pointer, index=ordered.index,
            value=ordered.value, source=source, initial=total, out=total, start=0, stop=columns, first=first,
            size=until - first, stride=width, initial_stride=width, skip=True,
        )
        for first, until in chunks(width, total.dtype)
    ]  # fmt: skip
