"""The analytical model of Lemaire et al.: operations, addressing, and accesses to memories whose price grows with their size."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ranvier.errors import ShapeError
from ranvier.measure._energy_model import EnergyModel, Parts
from ranvier.measure._report import Operations, Row

__all__ = ["Lemaire"]

_WORD = 4  # bytes


@dataclass(frozen=True)
class Lemaire(EnergyModel):
    """Operations, addressing, and memories of each layer, whose access costs what a memory of its size costs.

    Layer by layer, of words of 4 bytes:

    - without a MAC, a layer is driven by spikes: each is read from a queue; each of its products reads a weight, adds, counts an address up, and reads and
      writes a potential. In a convolution each spike needs two multiplications to find its first target;
    - any other layer is dense: every product reads a weight, and in a convolution an input, and each input and output counts an address up;
    - a cell costs a multiplication and a read and write of each state in each step, and an addition and a write to a queue for each spike.

    Parameters
    ----------
    add, multiply
        An addition and a multiplication of integers of 32 bits [pJ].
    sizes, accesses
        Sizes of memories [bytes] and what an access to a word costs in them [pJ]; in between it is linear, and above the last as in the last.
    queue
        Words that a queue of spikes holds.

    Source: Lemaire et al., ICONIP 2022 (analytical estimation of the energy of spiking networks).
    """

    add: float
    multiply: float
    sizes: tuple[float, ...]
    accesses: tuple[float, ...]
    queue: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.sizes) != len(self.accesses) or len(self.sizes) < 2 or list(self.sizes) != sorted(set(self.sizes)):
            raise ShapeError(
                f"Lemaire: {len(self.sizes)} sizes and {len(self.accesses)} prices: give two or more sizes that grow, and a price for each."
            )
        if min(*self.sizes, *self.accesses) < 0:
            raise ShapeError("Lemaire: a size or price of a memory is below 0.")

    def access(self, size: float) -> float:
        """What an access to a word costs in a memory of ``size`` bytes [pJ]."""
        size = min(max(size, self.sizes[0]), self.sizes[-1])
        k = next(k for k in range(1, len(self.sizes)) if size <= self.sizes[k])
        low, high = self.sizes[k - 1], self.sizes[k]
        return self.accesses[k - 1] + (self.accesses[k] - self.accesses[k - 1]) * (size - low) / (high - low)

    def parts(self, counts: Operations) -> Parts:
        """The sum of all layers and cells."""
        ordinary = not any(row.slots for row in counts.rows)
        found = [self._layer(row, counts.samples, ordinary) for row in counts.rows]
        compute, addressing, memory, state = (sum(part[k] for part in found) / counts.samples for k in range(4))
        return Parts(compute, addressing, memory, state)

    def of_bits(self, bits: int) -> Lemaire:
        """With shifts and additions where these are cheaper than a multiplier; addresses keep theirs."""
        return replace(self, multiply=min(self.multiply, max(0, bits - 1) * self.add))

    def _layer(self, row: Row, samples: int, ordinary: bool) -> tuple[float, float, float, float]:
        mac, per_step = self.multiply + self.add, samples * row.steps
        queue, weights = self.access(self.queue * _WORD), self.access(row.weights * _WORD)
        outputs = row.outputs / per_step * _WORD
        state = row.updates / per_step * _WORD
        compute = row.macs * mac + row.acs * self.add + row.updates * mac + row.spikes * self.add
        memory, addressing = row.spikes * queue, 0.0
        potentials = 2 * row.updates * self.access(state)
        if row.weights and not row.macs:
            addressing = row.acs * self.add + 2 * row.convolved * mac
            memory += row.events * queue + row.acs * weights
            potentials += 2 * row.acs * self.access(outputs)
        elif row.weights:
            compute += (row.dense - row.macs) * mac - row.acs * self.add
            addressing = (row.inputs + row.outputs) * self.add
            reads = row.dense if row.convolved else row.inputs
            memory += reads * self.access(row.inputs / per_step * _WORD) + row.dense * weights
            memory += row.outputs * self.access(outputs) if ordinary else 0.0
        return compute, addressing, memory, potentials
