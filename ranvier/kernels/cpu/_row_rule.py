"""A rule of plasticity as the compiled loop runs it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ranvier.dynamics import ByStructure, Program

__all__ = ["Decay", "RowRule"]


class Decay(NamedTuple):
    """A variable that becomes ``factor*x + shift`` in every step."""

    factor: float
    shift: float = 0.0


@dataclass(frozen=True, eq=False)
class RowRule(ByStructure):
    """Variables of the synapse beside its weight, and its code.

    ``parameters`` are read by name, those in ``varied`` with a value per synapse; ``cells`` are (end, variable) of the
    cells at either end. A lazy rule has variables that decay, and nothing happens to a synapse but at spikes; an
    ``eager`` one moves in every step by ``advance``. ``by_spike`` says that presynaptic spikes matter; variables in ``shifted`` do not decay towards 0.
    """

    variables: tuple[str, ...]
    parameters: tuple[str, ...]
    varied: tuple[str, ...] = ()
    cells: tuple[tuple[str, str], ...] = ()
    on_pre: Program | None = None
    on_post: Program | None = None
    every_step: Program | None = None
    advance: Program | None = None
    eager: bool = False
    by_spike: bool = True
    shifted: tuple[str, ...] = ()

    @cached_property
    def random(self) -> bool:
        """Whether spikes draw random numbers."""
        return self.on_pre is not None and "rand" in self.on_pre.reads

    @cached_property
    def sends_always(self) -> bool:
        """Whether something is delivered in every step."""
        return self.every_step is not None and "sent" in self.every_step.outputs

    @property
    def key(self) -> tuple:
        """What the generated code depends on."""
        codes = (self.on_pre, self.on_post, self.every_step, self.advance)
        names = (self.variables, self.parameters, self.varied, self.cells, self.eager, self.by_spike, self.shifted)
        return (*names, *(c.key if c else None for c in codes))
