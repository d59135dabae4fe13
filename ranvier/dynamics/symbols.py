"""Names of programs: the role, owner, dimension and meaning of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ranvier.units import Dimension

__all__ = [
    "CELL",
    "COUNTER",
    "ONE",
    "POST",
    "PRE",
    "Role",
    "Symbol",
    "arrival_name",
    "before_name",
    "end_name",
    "output_name",
    "shift_name",
]

#: steps of refractoriness left
COUNTER = "refractory_left"


class Role(StrEnum):
    """The role of a name in a program."""

    STATE = "state"
    COUNTER = "counter"
    PARAMETER = "parameter"
    #: a stream that is the value of an input during the step
    INPUT = "input"
    #: a stream that is added to a state before it advances
    ARRIVAL = "arrival"
    #: a stream that carries the change of arrival times
    SHIFT = "shift"
    #: a stream of standard normal numbers
    NOISE = "noise"
    #: a stream that the time and parameters decide
    TIME = "time"
    EVENT = "event"


#: a symbol has one value for everything, for each cell, or for the cell at either end of a synapse
ONE, CELL, PRE, POST = "one", "cell", "pre", "post"


@dataclass(frozen=True)
class Symbol:
    """A name of a program.

    ``of`` is what a user calls it: the port of a stream, the variable of a cell that a synapse reads.
    """

    name: str
    role: Role
    domain: str
    of: str
    dimension: Dimension | None = None


def arrival_name(state: str) -> str:
    """The stream of arrivals on a state; users cannot define such a name."""
    return f"kick_{state}"


def shift_name(port: str) -> str:
    """The stream of changes of arrival times at a port; users cannot define such a name."""
    return f"_shift_{port}"


def end_name(variable: str, end: str) -> str:
    """The name of a variable of the cell at one ``end`` (pre or post) in code of synapses."""
    return f"{variable}_{end}"


def before_name(variable: str) -> str:
    """The output of a program that holds a variable as it is when events are tested, before any reset."""
    return f"{variable}:before"


def output_name(variable: str) -> str:
    """The output of a program that holds a variable as it is after the step."""
    return f"{variable}:out"
