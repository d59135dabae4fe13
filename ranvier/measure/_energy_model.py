"""The interface of energy models: prices of what was counted, in picojoules."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import NamedTuple

from ranvier.errors import ShapeError
from ranvier.measure._report import Operations
from ranvier.values import is_number

__all__ = ["EnergyModel", "Parts"]


class Parts(NamedTuple):
    """What one sample costs [pJ], split by what it is spent on.

    ``addressing`` is finding targets and routing spikes. ``left_out`` names what the hardware of a model cannot do at all.
    """

    compute: float = 0.0
    addressing: float = 0.0
    memory: float = 0.0
    state: float = 0.0
    left_out: str = ""

    @property
    def total(self) -> float:
        """The sum [pJ]."""
        return self.compute + self.addressing + self.memory + self.state


@dataclass(frozen=True)
class EnergyModel(ABC):
    """Prices with their source. A new model is a subclass with one method, :meth:`parts`; a changed price is ``dataclasses.replace(model, …)``.

    Parameters
    ----------
    name
        How tables call it.
    source
        Where every number comes from.
    boundary
        What the model prices and what it leaves out, in words.

    Raises
    ------
    ShapeError
        For a price or size that is negative or no number.
    """

    name: str
    source: str
    boundary: str

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type in ("float", "int") and not (is_number(value) and value >= 0):
                raise ShapeError(f"{type(self).__name__}: {field.name}={value!r} must be a finite number of 0 or more.")
            if field.type == "str" and not (isinstance(value, str) and value):
                raise ShapeError(f"{type(self).__name__}: {field.name}={value!r} must be words: say where prices hold.")

    @abstractmethod
    def parts(self, counts: Operations) -> Parts:
        """What the mean sample of ``counts`` costs."""

    def of_bits(self, bits: int) -> EnergyModel | None:
        """The same hardware for activations of ``bits`` bits; None where it cannot multiply."""
        return self
