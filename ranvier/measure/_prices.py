"""Energy models that are short lists of prices: arithmetic alone, a hierarchy of memories, a chip."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from ranvier.errors import ShapeError
from ranvier.measure._energy_model import EnergyModel, Parts
from ranvier.measure._report import Operations

__all__ = ["Arithmetic", "Chip", "Hierarchy", "Level"]


@dataclass(frozen=True)
class Arithmetic(EnergyModel):
    """Compute alone: mac * MACs + add * ACs [pJ].

    A product with an activation of b bits costs no more than b additions, so the twin pays min(mac, b * add) for each.

    >>> half = rv.measure.ENERGY_MODELS["fp16"]
    >>> half.mac, half.add
    (1.5, 0.4)
    """

    mac: float
    add: float

    def parts(self, counts: Operations) -> Parts:
        """Operations times prices."""
        return Parts(compute=counts.macs * self.mac + counts.acs * self.add)

    def of_bits(self, bits: int) -> Arithmetic:
        """With shifts and additions where these are cheaper than a multiplier."""
        return replace(self, mac=min(self.mac, bits * self.add))


class Level(NamedTuple):
    """A memory: its name, the bytes that it holds (``math.inf``: as many as needed), and the energy of an access to a word [pJ]."""

    name: str
    capacity: float
    access: float


@dataclass(frozen=True)
class Hierarchy(EnergyModel):
    """Arithmetic, and memories in a declared order: what a network holds lies in the first that is large enough.

    The weights of a network lie together, and so do the states of a sample. Each product reads a weight, and reads and writes a partial sum in the
    first level; each activation that is not 0 is read once beside the states; each update reads and writes a state.

    Parameters
    ----------
    mac, add
        Prices of a multiplication with addition and of an addition [pJ].
    levels
        :class:`Level` records, small ones first.
    """

    mac: float
    add: float
    levels: tuple[Level, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        levels = tuple(self.levels)
        if not levels or any(not isinstance(level, Level) for level in levels):
            raise ShapeError(
                f"Hierarchy: levels={self.levels!r} must be Level records, such as Level('SRAM', 8192, 5)."
            )
        sizes = [level.capacity for level in levels]
        if sizes != sorted(set(sizes)) or min(sizes) < 0 or min(level.access for level in levels) < 0:
            raise ShapeError(f"Hierarchy: {sizes} bytes must grow from level to level, and no price is below 0.")

    def level(self, size: float) -> Level:
        """Where ``size`` bytes lie."""
        for level in self.levels:
            if size <= level.capacity:
                return level
        last = self.levels[-1]
        raise ShapeError(f"{size:,.0f} bytes do not fit into {last.name} of {last.capacity:,.0f}: add a larger Level.")

    def parts(self, counts: Operations) -> Parts:
        """Operations and accesses times prices."""
        products = counts.macs + counts.acs
        state = self.level(counts.state_bytes).access
        activations = sum(row.events for row in counts.rows) / counts.samples
        weights = self.level(counts.parameter_bytes).access
        memory = products * (weights + 2 * self.levels[0].access) + activations * state
        return Parts(counts.macs * self.mac + counts.acs * self.add, 0.0, memory, 2 * counts.updates * state)

    def of_bits(self, bits: int) -> Hierarchy:
        """With shifts and additions where these are cheaper than a multiplier."""
        return replace(self, mac=min(self.mac, bits * self.add))


@dataclass(frozen=True)
class Chip(EnergyModel):
    """A neuromorphic chip: what one synaptic operation, one update of a cell and one spike cost [pJ], memories included.

    It multiplies nothing: MACs are named in ``left_out``, and it has no twin.
    """

    synapse: float
    update: float
    spike: float

    def parts(self, counts: Operations) -> Parts:
        """Additions, cells times steps, and spikes times prices."""
        updates = sum(row.cells * row.steps for row in counts.rows if row.updates)
        spikes = sum(row.spikes for row in counts.rows) / counts.samples
        left = f"{counts.macs:,.0f} MACs, which the chip has no multiplier for" if counts.macs else ""
        return Parts(counts.acs * self.synapse, spikes * self.spike, 0.0, updates * self.update, left)

    def of_bits(self, bits: int) -> None:
        """None: it takes spikes alone."""
        return None
