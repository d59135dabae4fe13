"""Running circuits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from ranvier.kernels.cpu.circuit.opened import OpenCircuit
from ranvier.kernels.cpu.circuit.samples import flat, joined_samples, part_of, parted, pieces
from ranvier.kernels.cpu.circuit.team import likely, threads_for
from ranvier.kernels.cpu.circuit.trials import Trials, kind_of
from ranvier.kernels.cpu.host.plain import in_plain_mode
from ranvier.kernels.cpu.host.tuning import TUNING, Tuning
from ranvier.kernels.pool import run_tiles
from ranvier.kernels.tasks import Circuit, CircuitResult

if TYPE_CHECKING:
    from ranvier.kernels.cpu.circuit.calls import CircuitCalls
    from ranvier.kernels.cpu.circuit.steps import CircuitSteps

Tensor = torch.Tensor

__all__ = ["Circuits", "run_circuit"]


class Circuits:
    """Runs circuits of one shape, and keeps the last one open for the next call (``kept``; one for each thread that runs samples).

    A circuit is kept where its buffers are small: those of a large one cost little of its call, and memory afterwards. ``trials``
    are those of all circuits of a provider: which number of threads was faster.
    """

    def __init__(self, tuning: Tuning = TUNING, trials: Trials | None = None) -> None:
        self.tuning = tuning
        self.trials = Trials(tuning.trials) if trials is None else trials
        self.kept: list[OpenCircuit] = []

    def __reduce__(self) -> tuple[type[Circuits], tuple[Tuning]]:
        """A copy opens its own: addresses belong to one place in memory."""
        return Circuits, (self.tuning,)

    def __call__(self, task: Circuit, threads: int | None = None) -> CircuitResult:
        """Advance the circuit, on ``threads`` threads; None: as many as its size and earlier calls say. Threads run different
        samples, where there are any."""
        if task.samples is not None:
            return self._by_samples(task)
        most = threads_for(task, threads, self.tuning)
        if threads is not None or most == 1 or not self.tuning.trials:
            return self._once(task, most, 1)[0]
        kind = kind_of(task, self.tuning)
        chosen = self.trials.choice(kind, most, likely(task, self.tuning))
        result, seconds = self._once(task, chosen, 1)
        if seconds is not None:
            self.trials.took(kind, most, chosen, seconds / task.steps)
        return result

    def _by_samples(self, task: Circuit) -> CircuitResult:
        """All samples, some together."""
        edges = pieces(task, self.tuning)
        results: list[CircuitResult | None] = [None] * len(edges)
        most = min(torch.get_num_threads(), len(edges))

        def advance(k: int) -> None:
            part = part_of(task, *edges[k])
            results[k] = parted(part, self._once(flat(part), 1, most)[0])

        run_tiles(advance, len(edges))
        return joined_samples(task, [result for result in results if result is not None])

    @in_plain_mode
    def _once(self, task: Circuit, threads: int, most: int) -> tuple[CircuitResult, float | None]:
        """Advance a circuit that is kept open, or opened now; ``most`` are kept. Gives its result, and the seconds of the call, but
        None where later ones are cheaper: the first call of a circuit that is kept."""
        kept = self._taken(task, threads)
        opened = kept or OpenCircuit(task, threads, self.tuning)
        start = self.trials.clock()
        result = opened(task)
        seconds = self.trials.clock() - start
        if opened.size > self.tuning.kept_bytes:
            return result, seconds
        if len(self.kept) < most:
            self.kept.append(opened)
        return result, None if kept is None else seconds

    def _taken(self, task: Circuit, threads: int) -> OpenCircuit | None:
        """One that is kept and suits; another thread finds another one."""
        while self.kept:
            try:
                opened = self.kept.pop()
            except IndexError:
                return None
            if opened.suits(task, threads):
                return opened
        return None

    @in_plain_mode
    def open_circuit(self, task: Circuit, watched: Sequence[Tensor], most: float) -> CircuitSteps | None:
        """A circuit in pieces, as :class:`ranvier.kernels.provider.CircuitSteps`; None where it must be run call by call."""
        from ranvier.kernels.cpu.circuit.steps import CircuitSteps  # imported only by who calls step by step

        return CircuitSteps(task, watched, most, self.tuning) if CircuitSteps.suits(task, self.tuning) else None

    @in_plain_mode
    def open_circuit_calls(self, task: Circuit, watched: Sequence[Tensor], most: float) -> CircuitCalls | None:
        """A circuit for calls, as :class:`ranvier.kernels.provider.CircuitCalls`; None where it must be opened call by call."""
        from ranvier.kernels.cpu.circuit.calls import CircuitCalls  # imported only by who calls a circuit again

        if not CircuitCalls.suits(task, self.tuning):
            return None
        made = CircuitCalls(task, watched, most, self.tuning)
        return made if made.size <= self.tuning.called_bytes else None


def run_circuit(task: Circuit, threads: int | None = None, tuning: Tuning = TUNING) -> CircuitResult:
    """Advance a circuit once; ``threads`` None chooses by its size. The result is the same for any number, and any tuning."""
    return Circuits(tuning)(task, threads)
