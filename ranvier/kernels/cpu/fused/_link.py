"""Projections of a fused operation as calls of a schedule: spikes forward, their gradients backward."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch

from ranvier.errors import StateError
from ranvier.kernels.cpu.events.columns import values_kernel
from ranvier.kernels.cpu.events.find import EventList, events, scan_kernel
from ranvier.kernels.cpu.events.gather import chunks, gather_kernel
from ranvier.kernels.cpu.events.products import input_gradient
from ranvier.kernels.cpu.events.rows import rows_of
from ranvier.kernels.cpu.events.sparse import (
    scatter_kernel,
    sparse_input_gradient,
    value_gradient,
    value_gradient_kernel,
)
from ranvier.kernels.cpu.fused import hand_back
from ranvier.kernels.cpu.fused._lists import new_list
from ranvier.kernels.cpu.fused._weights import Summed
from ranvier.kernels.cpu.fused.member import Member
from ranvier.kernels.cpu.fused.span import Rows, Span
from ranvier.kernels.cpu.host.checked import Place
from ranvier.kernels.cpu.host.schedule import Call
from ranvier.kernels.cpu.host.weights import Weights, synapses_of
from ranvier.kernels.tasks import Feed, Feedback
from ranvier.storages import Stored

__all__ = ["Arrival", "FeedLink", "SpikeLink"]

Tensor = torch.Tensor


class Arrival(Protocol):
    """Something that brings spikes to a stream of a population; ``in_place`` only adds to it."""

    in_place: bool

    def arrive(self, span: Span, initial: Rows, target: Rows) -> list[Call]:
        """Calls that set ``target`` to ``initial`` plus the arrivals."""
        ...


class FeedLink(Summed):
    """Spikes from outside, listed once for all steps; a ``repeated`` one is given them by :meth:`renew`, or by :meth:`listing`.

    ``graded`` ones may be any numbers there.
    """

    in_place = False

    def __init__(
        self, feed: Feed, source: Tensor, weight: Tensor | Stored, repeated: bool = False, graded: bool = False
    ) -> None:
        super().__init__()
        self.post, self.stream, self.shape = feed.post, feed.stream, source.shape
        self.batch = source.shape[1]
        if repeated:
            pointer, found = new_list(source.shape[0] * self.batch, source.shape[2], repeated)
            self.kept = {"pointer": pointer, "index": found}
            self.kept |= {"value": torch.empty(len(found), dtype=source.dtype)} if graded else {}
        else:
            listed = events(source.reshape(-1, source.shape[-1]).contiguous())
            self.kept = {"pointer": listed.pointer, "index": listed.index}
            self.kept |= {} if listed.value is None else {"value": listed.value}
        self.hold(weight)
        self.rows = rows_of(weight)
        self.sizes = tuple(self.rows.table.shape)

    def renew(self, source: Tensor) -> bool:
        """List other spikes in the same place; False where they are not all 1."""
        rows = source.reshape(-1, source.shape[-1]).contiguous()
        graded = torch.zeros(1, dtype=torch.int64)
        scan_kernel(rows.dtype).run(
            x=rows, pointer=self.kept["pointer"], found=self.kept["index"], graded=graded, start=0, stop=rows.shape[0],
            columns=rows.shape[1], further=False,
        )  # fmt: skip
        return not int(graded)

    def listing(self, source: Tensor) -> list[Call]:
        """Calls that list what a contiguous ``source`` holds."""
        columns, rows = source.shape[-1], source.numel() // max(1, source.shape[-1])
        seen: dict[str, Any] = {"x": source.reshape(rows, columns), "start": 0, "stop": rows, "columns": columns}
        seen["pointer"], graded = self.kept["pointer"], torch.zeros(1, dtype=torch.int64)
        look = Call(scan_kernel(source.dtype), **seen, found=self.kept["index"], graded=graded, further=False)
        if "value" not in self.kept:
            return [look]
        return [look, Call(values_kernel(source.dtype), **seen, index=self.kept["index"], value=self.kept["value"])]

    def arrive(self, span: Span, initial: Rows, target: Rows) -> list[Call]:
        row = 8 * self.batch
        pointer = Place(self.kept["pointer"], span.first * row, span.chunk * row)
        listed = {"pointer": pointer, "index": self.kept["index"], "value": self.kept.get("value")}
        return _gathered(span, span.rows(self.batch), listed, self.rows, initial, target)

    def arrived(self) -> EventList:
        return _listed(self.kept, self.shape[-1])

    def source_gradient(self, gradient: Tensor) -> Tensor:
        """Gradient ``[T * B, K]`` to the spikes themselves."""
        return input_gradient(gradient, self.floats)


class SpikeLink(Summed):
    """Spikes of one population to another, ``latency`` steps later; all-to-all, or single synapses of a pattern.

    ``lists`` keeps a list of all that arrives, for the gradient to the weights.
    """

    def __init__(
        self, link: Feedback, weight: Tensor | Stored, history: Tensor | None, pre: Member, emission: str, lists: bool,
        repeated: bool = False,
    ):  # fmt: skip
        super().__init__()
        self.post, self.stream, self.latency = link.post, link.stream, link.latency
        self.pre, self.emission, self.pattern, self.lists = pre, emission, link.pattern, lists
        self.in_place = self.pattern is not None
        self.kept = {}
        self.hold(weight if isinstance(weight, Stored) else weight.contiguous())
        self.rows = synapses_of(weight) if self.in_place else rows_of(weight)
        self.sizes = tuple(self.rows.table.shape)
        if self.latency:
            if history is None:
                raise StateError(
                    f"{link.pre!r} has no history, but its spikes take {link.latency} steps: pass the last {link.latency}."
                )
            self.depth = history.shape[0]
            self.kept["past"] = history[self.depth - self.latency :].reshape(self.latency, pre.count).clone()
        if lists:
            self.kept["pointer"], self.kept["index"] = new_list(pre.scan.steps * pre.batch, pre.cells, repeated)

    def arrive(self, span: Span, initial: Rows, target: Rows) -> list[Call]:
        rows = span.rows(self.pre.batch)
        pointer, found = (self.kept["pointer"], self.kept["index"]) if self.lists else new_list(rows[1], self.pre.cells)
        step = 8 * self.pre.batch if self.lists else 0
        graded = torch.zeros(1, dtype=torch.int64)
        begin, sizes = Place(pointer, span.first * step, span.chunk * step), {"start": rows[0], "stop": rows[1]}
        look: dict[str, Any] = {"pointer": begin, "found": found, "graded": graded, **sizes, "columns": self.pre.cells}
        kernel, look["further"] = scan_kernel(self.dtype), self.lists
        calls = [Call(kernel, x=self.pre.out[self.emission].place(span, -self.latency), **look).between(self.latency)]
        if self.latency:
            calls.append(Call(kernel, x=Rows(self.kept["past"]).place(span), **look).between(0, self.latency))
        listed = {"pointer": begin, "index": found, "value": None}
        if self.pattern is None:
            return calls + _gathered(span, rows, listed, self.rows, initial, target)
        deliver = Call(
            scatter_kernel(self.dtype, code=self.rows.code), **listed, row_pointer=self.pattern.row_pointer, target=self.pattern.target,
            **self.rows.given("weight"), out=target.place(span), **sizes, columns=self.pattern.columns,
        )  # fmt: skip
        return [*calls, deliver]

    def renew(self, history: Tensor) -> None:
        """Begin with other spikes in flight."""
        self.kept["past"].copy_(history[self.depth - self.latency :].reshape(self.latency, self.pre.count))

    def trim(self) -> None:
        """Keep the written part of the list."""
        if self.lists:
            self.kept["index"] = self.kept["index"][: int(self.kept["pointer"][-1])].clone()

    def arrived(self) -> EventList:
        if self.lists:
            return _listed(self.kept, self.pre.cells)
        late = max(0, self.pre.scan.steps - self.latency)
        fired = self.pre.rows(self.pre.out[self.emission].tensor, 0, late).contiguous()
        if not self.latency:
            return events(fired)
        before = self.kept["past"][: self.pre.scan.steps].reshape(-1, self.pre.cells)
        return events(before).then(events(fired))

    def hand_back(self, span: Span, gradient: Rows, initial: Rows, target: Rows) -> list[Call]:
        """Calls that set ``target`` to ``initial`` plus the gradient from the arrivals ``latency`` steps later."""
        rows, width = span.rows(self.pre.batch), self.pre.cells
        stride = 0 if initial.uniform else width
        weight = self.floats
        given: dict[str, Any] = {
            "grad": gradient.place(span, self.latency), "weight": weight, "initial": initial.place(span),
            "out": target.place(span), "start": rows[0], "stop": rows[1], "stride": stride,
        }  # fmt: skip
        if self.pattern is None:
            return [Call(hand_back.dense_kernel(weight.dtype), **given, depth=weight.shape[0], columns=width)]
        given |= {"row_pointer": self.pattern.row_pointer, "target": self.pattern.target}
        kernel = hand_back.sparse_kernel(weight.dtype)
        return [Call(kernel, **given, columns=self.pattern.columns, sources=width)]

    @property
    def sources(self) -> int:
        return self.pre.cells

    def turning(self) -> list[Call]:
        return super().turning() if self.pattern is None else []  # a kernel reads synapses as they are

    def summing(self, gradient: Tensor, total: Tensor) -> list[Call]:
        if self.pattern is None:
            return super().summing(gradient, total)
        rows = len(gradient)
        calls, listed = self.ordering(rows), self.order_of(rows)
        wired = {
            "row_pointer": self.pattern.row_pointer,
            "target": self.pattern.target,
            "columns": self.pattern.columns,
        }
        kernel = value_gradient_kernel(total.dtype, listed.value is not None)
        given = {
            "pointer": listed.pointer,
            "index": listed.index,
            "value": listed.value,
            "grad": gradient,
            "out": total,
        }
        return [*calls, Call(kernel, **given, **wired, start=0, stop=self.pattern.rows)]

    def weight_gradient(self, gradient: Tensor, block: int | None) -> Tensor:
        if self.pattern is None:
            return super().weight_gradient(gradient, block)
        return value_gradient(self.arrived(), self.pattern, gradient)

    def history_gradient(self, gradient: Tensor) -> Tensor:
        """Gradient to the emissions before the call, from the gradient to the arrivals."""
        steps, cells = min(self.latency, self.pre.scan.steps), self.pre.scan.shape
        rows, weight = gradient[: steps * self.pre.batch], self.floats
        dense = self.pattern is None
        back = input_gradient(rows, weight) if dense else sparse_input_gradient(self.pattern, weight, rows)
        whole = torch.zeros(self.depth, *cells, dtype=weight.dtype)
        first = self.depth - self.latency
        whole[first : first + steps] = back.reshape(steps, *cells)
        return whole


def _listed(kept: Mapping[str, Tensor], columns: int) -> EventList:
    count = int(kept["pointer"][-1])
    return EventList(kept["pointer"], kept["index"][:count], kept.get("value"), columns)


def _gathered(
    span: Span, rows: tuple[int, int], listed: Mapping[str, Any], source: Weights, initial: Rows, target: Rows
) -> list[Call]:
    """Sum the rows of ``source`` that ``listed`` events (``pointer``, ``index``, ``value``) name."""
    width, given = source.table.shape[1], source.given("source")
    return [
        Call(
            gather_kernel(source.dtype, until - first, listed["value"] is not None, source.code), **listed, **given,
            initial=initial.place(span), out=target.place(span), start=rows[0], stop=rows[1], first=first,
            size=until - first, stride=width, initial_stride=0 if initial.uniform else width, skip=initial is target,
        )
        for first, until in chunks(width, source.dtype)
    ]  # fmt: skip
