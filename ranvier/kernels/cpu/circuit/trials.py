"""The fastest number of threads for a kind of circuit, measured in the calls themselves.

What a second thread is worth depends on the machine (two processors may share one core) and on what the kernels do. No rule about
sizes knows it. All numbers of threads give the same bits, so calls try them in turn: a kind of circuit begins with one number, the next
calls try the other, and the faster one stays. The other is tried again later, each time after more calls.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ranvier.kernels.cpu.circuit.team import events
from ranvier.kernels.cpu.host.tuning import Tuning

if TYPE_CHECKING:
    from ranvier.kernels.tasks import Circuit

__all__ = ["Trials", "kind_of"]

#: calls of the number in use before the other is tried, and calls whose times are compared
_BEFORE, _COMPARED = 2, 3
#: how much faster more threads must be to be taken, and from when one call shows that a number is slower
_GAIN, _CLEARLY = 1.03, 1.1
#: calls after which the other number is tried again, at most; and kinds that are remembered
_LONGEST, _KINDS = 1024, 256


@dataclass
class _Kind:
    """The number of threads in ``use`` and the ``other``, the seconds of their last calls, and calls until the other is tried."""

    use: int
    other: int
    left: int
    wait: int
    trying: bool = False
    seconds: dict[int, deque[float]] = field(default_factory=dict)

    def cost(self, threads: int) -> float:
        """The shortest call, which other programs disturbed least; more threads must gain something."""
        return min(self.seconds[threads]) * (_GAIN if threads > 1 else 1.0)


class Trials:
    """Chooses one thread or several for each kind of circuit, and tries the slower number again after ``wait`` calls.
    ``clock`` gives the seconds."""

    def __init__(self, wait: int, clock: Callable[[], float] = time.perf_counter) -> None:
        self.wait, self.clock = wait, clock
        self._kinds: dict[Hashable, _Kind] = {}
        self._lock = threading.Lock()

    def choice(self, kind: Hashable, threads: int, likely: bool) -> int:
        """The number of threads of the next call of a kind, 1 or ``threads``. ``likely`` chooses several for the first calls."""
        with self._lock:
            found = self._kinds.get((kind, threads))
            if found is None:
                use, other = (threads, 1) if likely else (1, threads)
                times = {n: deque[float](maxlen=_COMPARED) for n in (use, other)}
                found = self._kinds[kind, threads] = _Kind(use, other, _BEFORE, self.wait, seconds=times)
                if len(self._kinds) > _KINDS:
                    del self._kinds[next(iter(self._kinds))]
            return found.other if found.trying else found.use

    def took(self, kind: Hashable, threads: int, chosen: int, seconds: float) -> None:
        """Note the ``seconds`` of a step of a call, which ran on the ``chosen`` number of threads of at most ``threads``."""
        with self._lock:
            found = self._kinds.get((kind, threads))
            if found is None or chosen != (found.other if found.trying else found.use):
                return  # forgotten, or chosen before another call decided
            found.seconds[chosen].append(seconds)
            if found.trying:
                self._decide(found)
            elif (left := found.left - 1) > 0:
                found.left = left
            else:
                found.trying = True
                found.seconds[found.other].clear()

    def _decide(self, kind: _Kind) -> None:
        """Take the other number where it is faster; one call decides where it is clearly slower, else two do."""
        use, other = kind.cost(kind.use), kind.cost(kind.other)
        if other < _CLEARLY * use and len(kind.seconds[kind.other]) < _BEFORE:
            return
        if other < use:
            kind.use, kind.other = kind.other, kind.use
        kind.trying, kind.left, kind.wait = False, kind.wait, min(2 * kind.wait, _LONGEST)


def kind_of(task: Circuit, tuning: Tuning) -> Hashable:
    """What the time of a step depends on: equations, rules, sizes, and about how many steps a call has."""
    cells = tuple((p.step.key, p.cells, p.recorded) for p in task.populations)
    wires = tuple(
        (q.pre, q.post, events(q, tuning), q.stored is None, q.one_weight, q.latencies is None)
        for q in task.projections
    )
    rules = tuple((q.rule.key, q.pattern.synapses) for q in task.plastic)
    graded = tuple(q.pattern.synapses for q in task.graded)
    return cells, wires, rules, graded, task.dtype, task.steps.bit_length()
