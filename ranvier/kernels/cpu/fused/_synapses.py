"""Single synapses inside a fused operation of few rows: spikes are sent on their way when fired, each with its own delay.

What arrives stands in rows of time, one for each step of the call, with as many more before and behind as the longest
delay: what lies outside the call falls there, and nothing need be compared. Backward, a cell asks what its spike was worth
only where the derivative at its threshold is not zero, and a weight only where its source fired. A synapse with several
taps counts as several.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch

from ranvier.errors import StateError
from ranvier.kernels.cpu.events.find import EventList, events, scan_kernel
from ranvier.kernels.cpu.events.sparse import scatter_kernel
from ranvier.kernels.cpu.fused._carried import Carried
from ranvier.kernels.cpu.fused._lists import new_list
from ranvier.kernels.cpu.fused.member import Member
from ranvier.kernels.cpu.fused.span import Rows, Span
from ranvier.kernels.cpu.fused.synapse_kernels import collect_kernel, return_kernel
from ranvier.kernels.cpu.host.carry import size_bits
from ranvier.kernels.cpu.host.checked import Place
from ranvier.kernels.cpu.host.flag import Flag
from ranvier.kernels.cpu.host.schedule import Call, Schedule, Turns
from ranvier.kernels.cpu.host.weights import synapses_of
from ranvier.kernels.provider import GIVEN
from ranvier.kernels.tasks import Feedback
from ranvier.storages import Stored

__all__ = ["FEW", "Listed", "SynapseLink", "row_stride"]

Tensor = torch.Tensor
#: rows of a batch up to which synapses are driven by lists; more fill the vectors of the other ways
FEW = 15
_FARTHEST = 2**31


class Listed:
    """A list of cells for each row of a step: those that fire (of all steps, kept), or those that are asked."""

    def __init__(self, member: Member, steps: int) -> None:
        self.member, self.further = member, steps > 1
        pointer, found = new_list(steps * member.batch, member.cells)
        self.kept = {"pointer": pointer, "index": found}

    def look(self, source: Rows, span: Span) -> Call:
        """The call that lists the cells of a step where ``source`` is not zero."""
        start, stop = span.rows(self.member.batch)
        places, graded = self.places(), torch.zeros(1, dtype=torch.int64)
        return Call(
            scan_kernel(source.tensor.dtype), x=source.place(span), pointer=places["pointer"], found=places["index"],
            graded=graded, start=start, stop=stop, columns=self.member.cells, further=self.further,
        )  # fmt: skip

    def places(self) -> dict[str, Place]:
        """Row pointers and columns, as arguments of a call."""
        step = 8 * self.member.batch if self.further else 0
        return {"pointer": Place(self.kept["pointer"], step=step), "index": Place(self.kept["index"])}

    def trim(self) -> None:
        """Keep the written part."""
        self.kept["index"] = self.kept["index"][: int(self.kept["pointer"][-1])].clone()


def row_stride(member: Member) -> int:
    """Elements from one row of time to the next; not a power of two, so that rows do not share lines of the cache."""
    return member.padded + member.lanes


class SynapseLink(Carried):
    """One projection of single synapses, from the population ``source`` to a ``stream`` of the population ``target``.

    ``reach`` is its longest delay in steps. A ``repeated`` one is given the spikes before each call by :meth:`listing`.
    """

    def __init__(
        self, link: Feedback, weight: Tensor | Stored, history: Tensor | None, members: dict[str, Member],
        repeated: bool = False,
    ) -> None:  # fmt: skip
        self.source, self.target, self.stream = link.pre, link.post, link.stream
        self.pre, self.post = members[link.pre], members[link.post]
        pattern, target, shape = link.pattern, link.pattern.target, weight.shape
        self.shape, self.history, self.base, self.reach = shape, history, link.latency, link.latency
        pointer, place = pattern.row_pointer, target
        if link.first is not None:
            taps, first = shape[1], link.first.to(torch.int32)
            self.base, self.reach = 0, int(first.max()) + taps - 1 if first.numel() else 0
            stride = row_stride(self.post)
            if (self.reach + 1) * stride >= _FARTHEST:
                raise StateError(
                    f"{link.pre} -> {link.post}: delays of {self.reach} steps to {self.post.cells} cells are beyond "
                    f"{_FARTHEST} numbers; shorten the delays or lengthen dt."
                )
            lag = first.unsqueeze(1) + torch.arange(taps, dtype=torch.int32)
            place = (lag * stride + target.unsqueeze(1)).flatten()
            pointer = pointer * taps
        self.kept = {"pointer": pointer, "place": place}
        self.hold(weight if isinstance(weight, Stored) else weight.contiguous().flatten())
        if self.base and history is None:
            raise StateError(
                f"{link.pre!r} has no history, but its spikes take {self.base} steps: pass the last {self.base}."
            )
        self._used = 0 if history is None else min(history.shape[0], self.reach)
        self.early: EventList | None = None
        if repeated and self._used:
            pointer, index = new_list(self._used * self.pre.batch, self.pre.cells, repeated)
            self.early = EventList(pointer, index, None, self.pre.cells)

    def _send(self, listed: Mapping[str, Place], rows: tuple[int, int], out: Place) -> Call:
        weights = synapses_of(self.kept["weight"] if self.stored is None else self.stored)
        kept = {"row_pointer": self.kept["pointer"], "target": self.kept["place"], **weights.given("weight")}
        sizes = {"start": rows[0], "stop": rows[1], "columns": self.post.cells}
        return Call(scatter_kernel(self.dtype, code=weights.code), **listed, value=None, **kept, **sizes, out=out)

    def _return(self, listed: Mapping[str, Any], rows: tuple[int, int], grad: Place, out: Place) -> Call:
        kept = {"row_pointer": self.kept["pointer"], "place": self.kept["place"], "weight": self.floats}
        sizes = {"start": rows[0], "stop": rows[1], "columns": self.post.cells, "sources": self.pre.cells}
        return Call(return_kernel(self.dtype), **listed, **kept, **sizes, grad=grad, out=out)

    def _collect(self, listed: Mapping[str, Place], rows: tuple[int, int], grad: Place, total: Tensor) -> Call:
        kept = {"row_pointer": self.kept["pointer"], "place": self.kept["place"]}
        sizes = {"start": rows[0], "stop": rows[1], "columns": self.post.cells}
        return Call(collect_kernel(self.dtype), **listed, **kept, **sizes, grad=grad, total=total)

    def listing(self, history: Tensor, flag: Flag) -> list[Call]:
        """Calls that list the spikes of a contiguous ``history``, and refuse numbers that are no spikes."""
        if self.early is None:
            return []
        late = history[len(history) - self._used :]
        rows = torch.zeros(self._used * self.pre.batch, self.pre.cells, dtype=self.dtype)
        sound = size_bits(math.inf, late.dtype)
        return [
            flag.carry(late, rows, late.numel(), sound, GIVEN, spikes=True),
            Call(
                scan_kernel(self.dtype), x=rows, pointer=self.early.pointer, found=self.early.index,
                graded=torch.zeros(1, dtype=torch.int64), start=0, stop=len(rows), columns=self.pre.cells, further=False,
            ),
        ]  # fmt: skip

    def send_early(self, target: Rows) -> Turns:
        """Deliver the spikes fired before the call."""
        fired = self._before()
        if fired is None:
            return Turns([], 0)
        return Turns([self._send(self._each(fired), (0, self.pre.batch), self._row(target))], self._used)

    def send(self, fired: Listed, span: Span, target: Rows) -> Call:
        """The call that sends the spikes of a step on their way."""
        return self._send(fired.places(), span.rows(self.pre.batch), target.place(span, self.base))

    def hand_back(self, asked: Listed, span: Span, gradient: Rows, target: Rows) -> Call:
        """The call that adds the gradient to spikes of the listed cells to ``target``."""
        grad = gradient.place(span, self.base)
        return self._return(asked.places(), span.rows(self.pre.batch), grad, target.place(span))

    def collect(self, fired: Listed, span: Span, gradient: Rows, total: Tensor) -> Call:
        """The call that adds the gradient to the weights of those that fired in a step."""
        return self._collect(fired.places(), span.rows(self.pre.batch), gradient.place(span, self.base), total)

    def collect_early(self, gradient: Rows, total: Tensor) -> Turns:
        """Add the gradient to the weights of those that had fired before the call."""
        fired = self._before()
        if fired is None:
            return Turns([], 0)
        return Turns([self._collect(self._each(fired), (0, self.pre.batch), self._row(gradient), total)], self._used)

    def history_gradient(self, gradient: Rows) -> Tensor | None:
        """Gradient to the history, where there is one."""
        if self.history is None:
            return None
        out = torch.zeros_like(self.history, memory_format=torch.contiguous_format)
        depth, batch, cells, used = self.history.shape[0], self.pre.batch, self.pre.cells, self._used
        if used:
            pointer, index = torch.arange(batch + 1) * cells, torch.arange(cells, dtype=torch.int32).repeat(batch)
            row = batch * cells * out.element_size()
            every, end = {"pointer": pointer, "index": index}, Place(out, (depth - used) * row, row)
            Schedule([self._return(every, (0, batch), self._row(gradient), end)]).run(0, used)
        return out

    def _before(self) -> EventList | None:
        """The spikes before the call that still arrive in it."""
        history, used = self.history, self._used
        if self.early is not None or history is None or not used:
            return self.early
        recent = history[history.shape[0] - used :].reshape(used * self.pre.batch, self.pre.cells)
        return events(recent.contiguous())

    def _each(self, fired: EventList) -> dict[str, Place]:
        """A list step by step, as arguments of a call."""
        return {"pointer": Place(fired.pointer, step=8 * self.pre.batch), "index": Place(fired.index)}

    def _row(self, rows: Rows) -> Place:
        """The row in which the earliest of the spikes before the call arrives first, and bytes to the next."""
        step = rows.tensor.element_size() * rows.stride
        return Place(rows.tensor, (self.base - self._used) * step, step)
