"""Running circuits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from ranvier.kernels.cpu.circuit.opened import OpenCircuit
from ranvier.kernels.cpu.circuit.team import threads_for
from ranvier.kernels.cpu.host.tuning import TUNING, Tuning
from ranvier.kernels.tasks import Circuit, CircuitResult

if TYPE_CHECKING:
    from ranvier.kernels.cpu.circuit.steps import CircuitSteps

Tensor = torch.Tensor

__all__ = ["Circuits", "run_circuit"]


class Circuits:
    """Runs circuits of one shape, and keeps the last one open for the next call (``kept``, at most one).

    A circuit is kept where its buffers are small: those of a large one cost little of its call, and memory afterwards.
    """

    def __init__(self, tuning: Tuning = TUNING) -> None:
        self.tuning = tuning
        self.kept: list[OpenCircuit] = []

    def __reduce__(self) -> tuple[type[Circuits], tuple[Tuning]]:
        """A copy opens its own: addresses belong to one place in memory."""
        return Circuits, (self.tuning,)

    def __call__(self, task: Circuit) -> CircuitResult:
        """Advance the circuit, on as many threads as its size and the call are worth."""
        threads = threads_for(task, None, self.tuning)
        try:
            opened = self.kept.pop()  # another thread finds none, and opens its own
        except IndexError:
            opened = None
        if opened is None or not opened.suits(task, threads):
            opened = OpenCircuit(task, threads, self.tuning)
        result = opened(task)
        if opened.size <= self.tuning.kept_bytes:
            self.kept[:] = [opened]
        return result

    def open_circuit(self, task: Circuit, watched: Sequence[Tensor], most: float) -> CircuitSteps | None:
        """A circuit in pieces, as :class:`ranvier.kernels.provider.CircuitSteps`; None where it must be run call by call."""
        from ranvier.kernels.cpu.circuit.steps import CircuitSteps  # imported only by who calls step by step

        return CircuitSteps(task, watched, most, self.tuning) if CircuitSteps.suits(task, self.tuning) else None


def run_circuit(task: Circuit, threads: int | None = None, tuning: Tuning = TUNING) -> CircuitResult:
    """Advance a circuit once; ``threads`` None chooses by its size. The result is the same for any number, and any tuning."""
    return OpenCircuit(task, threads_for(task, threads, tuning), tuning)(task)
