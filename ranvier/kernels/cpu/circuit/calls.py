"""A circuit set up once for calls of few steps, each from values and to values of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch

from ranvier.kernels.cpu.circuit.steps import CircuitSteps
from ranvier.kernels.cpu.host.carry import size_bits
from ranvier.kernels.cpu.host.checked import Place
from ranvier.kernels.cpu.host.left import left_kernel
from ranvier.kernels.cpu.host.plain import in_plain_mode
from ranvier.kernels.cpu.host.schedule import Call
from ranvier.kernels.cpu.host.table import Slot, Table, fit
from ranvier.kernels.cpu.host.tuning import Tuning
from ranvier.kernels.provider import GIVEN, MADE, UNFIT, Kept
from ranvier.kernels.tasks import Circuit, Spikes

__all__ = ["CircuitCalls"]

Tensor = torch.Tensor
#: whole numbers below are sound in a counter of any kind
_COUNTED = 1 << 23


class CircuitCalls(CircuitSteps):
    """See :class:`ranvier.kernels.provider.CircuitCalls`.

    States are carried into the buffers in every call. Counters are kept as the steps at which they end, so those given are compared with
    the ones that were made before.
    """

    def __init__(self, task: Circuit, watched: Sequence[Tensor], most: float, tuning: Tuning) -> None:
        self._left: dict[int, Tensor] = {}
        super().__init__(task, watched, most, tuning)
        self.kept = tuple(
            Kept(p.name, n, (1, p.cells), torch.int32 if n in p.step.counters else self._inside(p.name, n).dtype)
            for p in task.populations
            for n in (*p.step.states, *p.step.counters)
        )
        self._like = [(kept.shape, kept.dtype) for kept in self.kept]
        self._slots = list[Slot]()
        states = [k for k, kept in enumerate(self.kept) if kept.dtype != torch.int32]
        counters = [k for k, kept in enumerate(self.kept) if kept.dtype == torch.int32]
        self._left = {k: torch.zeros(self.kept[k].shape, dtype=torch.int32) for k in counters}
        bounds = {k: size_bits(most, self.kept[k].dtype) for k in states}
        waits = self._opened.wait_for_all()
        longest = {k: waits[self.kept[k].owner].get(str(self.kept[k].variable), _COUNTED) for k in counters}
        self._same = self._table([self._compared(k) for k in counters])
        begin = [(k, inside) for k in counters for inside in (self._buffer(k), self._left[k])]
        self._begin = self._table([self._given(k, inside, longest[k] + 1) for k, inside in begin])
        self._load = self._table([self._given(k, self._buffer(k), bounds[k]) for k in states])
        made = [self._made(k, self._buffer(k), bounds[k]) for k in states]
        made += [self._made(k, self._left[k]) for k in counters]
        self._run = self._table([self._drive, *map(self._ending, counters), *made])

    @in_plain_mode
    def begin(self, task: Circuit) -> None:
        """Go on from the values of a task of the same parts."""
        super().begin(task)
        if self._left:
            self._opened.wait_for_all()

    @in_plain_mode
    def restart(self, first: int, past: Mapping[str, Spikes]) -> None:
        """The next call begins with step ``first``, after the spikes ``past``."""
        self._task, self.done = replace(self._task, first=first), 0
        self._opened.restart(self._task, past)

    def call(self, given: Sequence[Tensor], count: int) -> tuple[int, list[Tensor]]:
        """The next ``count`` steps from the values ``given``: what was found, and the values after them."""
        if not fit(given, self._like) or count > self.room:
            return UNFIT, []
        self._found[0] = 0
        counters = self._same if self.done else self._begin
        for table in (counters, self._load):
            table.put("given", given)
            table.go()
        if not self._found[0]:
            self._check.go()
        if self._found[0]:
            return self._found[0], []
        made = [torch.empty(shape, dtype=dtype) for shape, dtype in self._like]
        self._run.put("made", made)
        self._span[0], self._span[1] = self.done, self.done + count
        self._run.go()
        self.done += count
        return self._found[0], made

    def fired(self, name: str, steps: int) -> Spikes:
        """The spikes of a population in the last ``steps`` steps, also of those before the circuit began."""
        return self._opened.population(name).last(steps, self.done)

    # ---- what is called ------------------------------------------------------------------------------------------

    def _inside(self, name: str, variable: str) -> Tensor:
        (own,) = self._opened.population(name).state[variable]
        return own

    def _buffer(self, k: int) -> Tensor:
        return self._inside(self.kept[k].owner, str(self.kept[k].variable))

    def _table(self, calls: Sequence[Call]) -> Table:
        return Table(calls, [slot for slot in self._slots if slot.call in calls])

    def _outside(self, k: int) -> Tensor:
        shape, dtype = self._like[k]
        return torch.zeros(shape, dtype=dtype)

    def _given(self, k: int, inside: Tensor, most: int) -> Call:
        outside = self._outside(k)
        call = self._flag.carry(outside, inside, outside.numel(), most, GIVEN)
        self._slots.append(Slot(call, "source", "given", k))
        return call

    def _made(self, k: int, inside: Tensor, most: int = 0) -> Call:
        outside = self._outside(k)
        call = self._flag.carry(inside, outside, outside.numel(), most, MADE if most else 0)
        self._slots.append(Slot(call, "target", "made", k))
        return call

    def _compared(self, k: int) -> Call:
        call = self._flag.alike(self._outside(k), self._left[k], UNFIT)
        self._slots.append(Slot(call, "one", "given", k))
        return call

    def _ending(self, k: int) -> Call:
        inside, span = self._buffer(k), self._opened.driven["span"]
        return Call(
            left_kernel(inside.dtype),
            source=Place(inside),
            target=Place(self._left[k]),
            span=span,
            count=self._left[k].numel(),
        )
