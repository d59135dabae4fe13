"""A rule of plasticity as rows of synapses run it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ranvier.dynamics._by_structure import ByStructure
from ranvier.dynamics.program import Program
from ranvier.dynamics.symbols import end_name

__all__ = ["Additive", "Decay", "RowRule", "Shared"]


class Decay(NamedTuple):
    """A variable that becomes ``factor*x + shift`` in every step."""

    factor: float
    shift: float = 0.0


@dataclass(frozen=True, eq=False)
class Additive(ByStructure):
    """Postsynaptic spikes add ``variable`` of the row times the ``amount`` for the cell to ``target``.

    The target is the weight or a variable that stays where it is. All amounts have one sign, so adding their sum at once,
    and then ``bound`` (the target within its limits; None without any), is the same as adding one by one.
    """

    target: str
    variable: str
    amount: Program
    bound: Program | None

    @property
    def key(self) -> tuple:
        """The parts that the generated code depends on."""
        return (self.target, self.variable, self.amount.key, self.bound.key if self.bound else None)


@dataclass(frozen=True, eq=False)
class Shared(ByStructure):
    """Variables of one domain: the next value of each, once what synapses add to them is in.

    For such a variable, code gives the amount that the synapse adds.
    """

    variables: tuple[str, ...]
    advance: Program

    @property
    def key(self) -> tuple:
        """The parts that the generated code depends on."""
        return (self.variables, self.advance.key)


@dataclass(frozen=True, eq=False)
class RowRule(ByStructure):
    """Variables of the synapse beside its weight, and its code.

    ``variables`` differ between synapses; those in ``row`` are the same for all synapses of a row, those in ``column`` for
    all synapses onto a cell, and have code of their own. ``parameters`` are read by name, those in ``varied`` with a value
    per synapse; ``cells`` are (end, variable) of the cells at either end. A lazy rule has variables that decay, and
    nothing happens to a synapse but at spikes; an ``eager`` one moves in every step by ``advance``. ``by_spike`` says that
    presynaptic spikes matter; variables in ``shifted`` do not decay towards 0. ``additive`` stands for the ``on_post`` of
    a lazy rule where it can. Names in ``clock`` have one number per step. An ``exact`` rule computes in float64 in a
    kernel of any type; the variables ``times``, its own and those of cells (``last_post``), are float64. ``shared`` are
    variables that synapses share, by domain: code reads them as they are when the step begins.
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
    row: tuple[str, ...] = ()
    row_on_pre: Program | None = None
    row_advance: Program | None = None
    column: tuple[str, ...] = ()
    column_on_post: Program | None = None
    column_advance: Program | None = None
    additive: Additive | None = None
    clock: tuple[str, ...] = ()
    exact: bool = False
    times: tuple[str, ...] = ()
    shared: tuple[Shared, ...] = ()

    def holds_time(self, end: str, variable: str) -> bool:
        """Whether a variable of the cell at one end is float64 in kernels of any type."""
        return end_name(variable, end) in self.times

    @cached_property
    def random(self) -> bool:
        """Whether spikes draw random numbers."""
        return self.on_pre is not None and "rand" in self.on_pre.reads

    @cached_property
    def sends_always(self) -> bool:
        """Whether something is delivered in every step."""
        return self.every_step is not None and "sent" in self.every_step.outputs

    @cached_property
    def steady(self) -> bool:
        """Whether nothing of a synapse changes, and all that it does is to send in every step what follows from values of cells, rows
        and columns."""
        if self.every_step is None or {*self.every_step.outputs} != {"sent"}:
            return False
        still = not (self.variables or self.shared or self.on_pre or self.on_post)
        return still and not (self.exact or self.times or self.clock)

    @property
    def moving(self) -> tuple[str, ...]:
        """All variables of synapses, rows and columns."""
        return (*self.variables, *self.row, *self.column)

    @cached_property
    def domain_of(self) -> dict[str, int]:
        """The number of the domain of each shared variable."""
        return {n: k for k, shared in enumerate(self.shared) for n in shared.variables}

    @property
    def by_post(self) -> bool:
        """Whether postsynaptic spikes do something at once: to columns, to sums, or (eager) to synapses."""
        at_once = self.column_on_post is not None or self.additive is not None
        return at_once or (self.eager and self.on_post is not None)

    @property
    def walks(self) -> bool:
        """Whether postsynaptic updates are applied event by event."""
        return not self.eager and self.on_post is not None and self.additive is None

    @property
    def key(self) -> tuple:
        """The parts that the generated code depends on."""
        codes = (self.on_pre, self.on_post, self.every_step, self.advance)
        codes += (self.row_on_pre, self.row_advance, self.column_on_post, self.column_advance)
        names = (self.variables, self.parameters, self.varied, self.cells, self.eager, self.by_spike, self.shifted)
        names += (self.row, self.column, self.additive.key if self.additive else None)
        names += (self.clock, self.exact, self.times, tuple(s.key for s in self.shared))
        return (*names, *(c.key if c else None for c in codes))
