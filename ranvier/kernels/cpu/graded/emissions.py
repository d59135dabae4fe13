"""What cells show to synapses in every step: a ring of rows, one for each step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from ranvier.kernels.tasks import Circuit, CircuitPopulation

__all__ = ["SHOWN_SLOTS", "Emissions", "slots_of"]

Tensor = torch.Tensor
#: rows of a ring whose readers are one step behind: no thread overwrites what another still reads
SHOWN_SLOTS = 3


class Emissions:
    """The last ``slots`` emissions of the ``cells`` of a population, in a ring of rows of ``stride`` numbers.

    The emission of step n of a call that knows ``depth`` steps of history lies in row (n + depth) modulo slots. A vector of
    spare numbers follows each row.
    """

    def __init__(self, history: Tensor, cells: int, padded: int, slots: int, depth: int, dtype: torch.dtype) -> None:
        self.cells, self.slots, self.depth = cells, slots, depth
        self.stride = padded + 64 // dtype.itemsize
        self.rows = torch.zeros(slots, self.stride, dtype=dtype)
        known = min(history.shape[0], slots)
        if known:
            place = torch.arange(depth - known, depth) % slots
            self.rows[place, :cells] = history[history.shape[0] - known :].to(dtype)

    @property
    def given(self) -> dict[str, Tensor | int]:
        """The arguments of its population."""
        return {"emitted": self.rows, "slots": self.slots, "stride": self.stride}

    def last(self, steps: int, count: int) -> Tensor:
        """Those of the last ``count`` of the ``steps`` steps of the call, [count, cells]."""
        return self.rows[torch.arange(steps - count, steps).add_(self.depth) % self.slots, : self.cells]


def slots_of(task: Circuit, p: CircuitPopulation) -> int:
    """Rows of the ring of ``p``: no thread overwrites what another still reads, which is at most so far behind."""
    longest = max((q.longest for q in task.graded if q.pre == p.name), default=1)
    return max(2 * longest + 1, p.kept, p.history.shape[0])
