"""The way back of a fused operation that is set up once for many calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from ranvier.kernels.cpu.events.transpose import transpose_kernel
from ranvier.kernels.cpu.fused._backward import WayBack, totals_of
from ranvier.kernels.cpu.fused._carry import carry_rows
from ranvier.kernels.cpu.fused._weights import Summed
from ranvier.kernels.cpu.host.arena import Arena
from ranvier.kernels.cpu.host.flag import Flag
from ranvier.kernels.cpu.host.movable import Movable, tensors_of
from ranvier.kernels.cpu.host.schedule import Call, Turns

if TYPE_CHECKING:
    from ranvier.kernels.cpu.fused.calls import FusedCalls

__all__ = ["Back"]

Tensor = torch.Tensor


class Back:
    """From the values after a call and its outputs, as far as they are ``given`` a gradient, to the parameters."""

    def __init__(self, calls: FusedCalls, given: Sequence[bool]) -> None:
        task, made, self.keys = calls.task, calls.made, calls.keys
        self.computed = {*calls.computed}
        self.shapes = [t.shape for t in calls.tensors] + calls.shapes
        self.dtype, flag = next(iter(task.members.values())).dtype, Flag()
        self._flag = flag
        names = [(k.owner, f"state:{k.variable}") for k in calls.states] + list(calls.outputs)
        shapes = [tuple(k.shape) for k in calls.states]
        shapes += [(calls.steps, *task.members[n].shape) for n, _ in calls.outputs]
        grads = [
            torch.zeros(shape, dtype=self.dtype) if has else None for shape, has in zip(shapes, given, strict=True)
        ]
        incoming: dict[str, dict[str, Tensor | None]] = {n: {} for n in task.members}
        for (n, name), g in zip(names, grads, strict=True):
            incoming[n][name] = g
        totals = totals_of(made, calls.needs)
        way = WayBack(task, made, incoming, calls.needs, totals, repeated=True)
        lists: list[Turns] = []
        for (n, name), g in zip(names, grads, strict=True):
            if g is None:
                continue
            member, adjoint = made.members[n], way.adjoints[n]
            if name in adjoint.given:
                lists.append(carry_rows(flag, member, adjoint.given[name].tensor, g, out=False))
            elif name.removeprefix("state:") in adjoint.lam:
                lists.append(Turns([flag.carry(g, adjoint.lam[name.removeprefix("state:")], member.count)]))
        if way.in_turns:
            lists.append(Turns([c for key in totals for c in made.summed[key].ordering(way.block)]))
        lists += way.work()[0]
        if not way.in_turns:
            lists += [
                turns for key, total in totals.items() for turns in _products(way, made.summed[key], total, calls, flag)
            ]
        #: what comes out: the number of the operation, and its shape before it is summed
        self.out: list[tuple[tuple[str, str], Tensor]] = []
        for key, total in totals.items():
            self._hand_over((key, "weight"), lists, total)
        for k, link in made.synapses.items():
            single = way.adjoints[link.source].totals.get(k)
            if single is not None:
                lists.append(link.collect_early(way.adjoints[link.target].gradient[link.stream], single))
                self._hand_over((f"feedback:{k}", "weight"), lists, single)
        for n, adjoint in way.adjoints.items():
            for name, sums in adjoint.sums.items():
                if calls.needs.get((n, name)):
                    member = made.members[n]
                    lead = (1,) * (name in member.scan.step.streams)
                    whole = torch.zeros(*lead, *member.scan.shape, dtype=sums.dtype)
                    lists.append(Turns([flag.carry(sums, whole, member.count)]))
                    self.out.append(((n, name), whole))
        self.asked = [g for g in grads if g is not None]
        outside = (*calls.tensors, *calls.rows, *self.asked, *(t for _, t in self.out))
        places = {t.untyped_storage().data_ptr() for t in outside} | calls.steady
        own = [t for t in tensors_of(lists) if t.untyped_storage().data_ptr() not in places and t not in calls.arena]
        self.arena = Arena(own)
        self._run = Movable(lists, outside, [calls.arena, self.arena])

    def _hand_over(self, key: tuple[str, str], lists: list[Turns], total: Tensor) -> None:
        if total.ndim == 1:  # one number for each synapse
            out = torch.zeros_like(total)
            call = self._flag.carry(total, out, total.numel())
        else:
            columns, width = total.shape
            out = torch.zeros(width, columns, dtype=total.dtype)
            call = Call(transpose_kernel(total.dtype), matrix=total, out=out, rows=columns, columns=width)
        lists.append(Turns([call]))
        self.out.append((key, out))

    def run(self, memory: Tensor, tensors: Sequence[Tensor], grads: Sequence[Tensor | None]) -> list[Tensor | None]:
        """The gradients of the parameters and of the coefficients, from the working memory of the call.

        ``tensors`` are the parameters and the rows of coefficients that it read.
        """
        asked = [g.to(self.dtype).contiguous() for g in grads if g is not None]
        made, own = [torch.empty_like(t) for _, t in self.out], self.arena.new()
        self._run.run([t.data_ptr() for t in (*tensors, *asked, *made, memory, own)])
        out: list[Tensor | None] = [None] * len(self.shapes)
        for (key, _), g in zip(self.out, made, strict=True):
            place = self.keys[key]
            shape, wide = self.shapes[place], key in self.computed
            if g.shape != shape:
                g = g.to(torch.float64).sum_to_size(shape).to(g.dtype) if wide else g.sum_to_size(shape)
            before = out[place]
            out[place] = g if before is None else before + g
        return out


def _products(way: WayBack, source: Summed, total: Tensor, calls: FusedCalls, flag: Flag) -> list[Turns]:
    """The gradient of a weight in one product after all steps."""
    member = calls.made.members[source.post]
    gradient = torch.zeros(calls.steps * member.batch, member.cells, dtype=total.dtype)
    whole = gradient.view(calls.steps, *member.scan.shape)
    found = way.adjoints[source.post].gradient[source.stream].tensor[: calls.steps]
    return [carry_rows(flag, member, found, whole, out=True), Turns(source.summing(gradient, total))]
