"""A circuit in pieces: some steps at a time, without returning its values in between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch

from ranvier.kernels.cpu.circuit.kernel import driver
from ranvier.kernels.cpu.circuit.opened import OpenCircuit
from ranvier.kernels.cpu.circuit.team import threads_for
from ranvier.kernels.cpu.host.flag import Flag
from ranvier.kernels.cpu.host.plain import in_plain_mode
from ranvier.kernels.cpu.host.schedule import Call, Repeated
from ranvier.kernels.cpu.host.tuning import Tuning
from ranvier.kernels.provider import MADE
from ranvier.kernels.tasks import Circuit, CircuitResult, Spikes

__all__ = ["CircuitSteps"]

Tensor = torch.Tensor


class CircuitSteps:
    """See :class:`ranvier.kernels.provider.CircuitSteps`."""

    def __init__(self, task: Circuit, watched: Sequence[Tensor], most: float, tuning: Tuning) -> None:
        self._opened, self._flag = OpenCircuit(task, 1, tuning), Flag()
        self._found = self._flag.found
        self.begin(task)
        self._check = Repeated([self._flag.same(t) for t in watched])
        driven = self._opened.driven
        self._drive = Call(driver(), **driven, together=self._opened.layout.together)
        self._advance = Repeated([self._drive, *self._looks(task, most)])
        self._span = memoryview(driven["span"].numpy())  # pyright: ignore[reportArgumentType]

    @staticmethod
    def suits(task: Circuit, tuning: Tuning) -> bool:
        """Whether one thread runs it, and nothing is given for single steps."""
        steady = all(d.law.steady for p in task.populations for d in p.drives)
        plain = not any(p.outside or p.recorded or p.emission for p in task.populations)
        return steady and plain and not task.plastic and not task.graded and threads_for(task, None, tuning) == 1

    @property
    def room(self) -> int:
        """Steps that can follow before the circuit must begin anew."""
        return self._task.steps - self.done

    @property
    def size(self) -> int:
        """Bytes of its largest buffers."""
        return self._opened.size

    @in_plain_mode
    def begin(self, task: Circuit) -> None:
        """Go on from the values of a task of the same parts."""
        self._opened.begin(task)
        self._task, self.done = task, 0
        self._lists = {p.name: self._opened.population(p.name).lists_of_one() for p in task.populations}

    def step(self, count: int) -> tuple[int, Mapping[str, Spikes]]:
        """The next ``count`` steps: what was found, and the spikes; not done where numbers that were read have changed."""
        self._found[0] = 0
        self._check.go()
        if self._found[0]:
            return self._found[0], {}
        self._span[0], self._span[1] = self.done, self.done + count
        self._advance.go()
        self.done += count
        return self._found[0], _Fired(self._lists, self.done - count, self.done)

    def result(self) -> CircuitResult:
        """What all steps so far have made."""
        return self._opened.result(self._task, self.done)

    def _looks(self, task: Circuit, most: float) -> list[Call]:
        """Look at the states, for numbers that are not sound."""
        calls = []
        for p in task.populations:
            for n in p.step.states:
                (x,) = self._opened.population(p.name).state[n]
                calls.append(self._flag.look(x, p.cells, most, MADE))
        return calls


class _Fired(Mapping[str, Spikes]):
    """The spikes of steps [first, end) by population, looked up when they are asked for: lists only grow."""

    __slots__ = ("_end", "_first", "_lists")

    def __init__(self, lists: Mapping[str, tuple[Tensor, np.ndarray]], first: int, end: int) -> None:
        self._lists, self._first, self._end = lists, first, end

    def __getitem__(self, name: str) -> Spikes:
        cell, bounds = self._lists[name]
        own = bounds[self._first : self._end + 1]
        return Spikes(cell[own[0] : own[-1]], torch.from_numpy(own - own[0]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._lists)

    def __len__(self) -> int:
        return len(self._lists)
