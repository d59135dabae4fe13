"""Initial values as text: expressions of the index of a cell, random numbers, parameters and other variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import CycleError

import sympy as sp

from ranvier.dynamics._bounds import check_numbers
from ranvier.dynamics._draws import named_draws
from ranvier.dynamics._symbols import Reader
from ranvier.dynamics._system import System
from ranvier.dynamics.functions import folded
from ranvier.dynamics.graphs import ordered
from ranvier.dynamics.program import Program, Statement
from ranvier.errors import EquationError
from ranvier.units import UNITS

__all__ = ["DRAWS", "Start", "read_starts"]

#: functions without argument that draw a number for each cell: uniform between 0 and 1, and standard normal
DRAWS = ("rand", "randn")
_NONE = UNITS["1"].dimension


@dataclass(frozen=True, eq=False)
class Start:
    """The initial value of a variable as an expression.

    ``program`` computes it; ``draws`` maps the names that it reads for random numbers to ``"rand"`` or ``"randn"``.
    """

    variable: str
    text: str
    program: Program
    draws: Mapping[str, str]

    @property
    def line(self) -> str:
        """The text with its variable, for messages."""
        return _line(self.variable, self.text)


def read_starts(texts: Mapping[str, str], system: System) -> tuple[Start, ...]:
    """The initial values of variables of ``system``, each behind those that it reads.

    The names are those of the model, ``i`` and ``N`` where the model does not use them itself, ``t``, ``rand()`` and ``randn()``.
    """
    starts = {n: _read(n, text, system) for n, text in texts.items()}
    after = {n: [m for m, start in starts.items() if n in start.program.reads] for n in starts}
    try:
        order = ordered(after, list(starts).index)
    except CycleError as error:
        circle = error.args[1]
        raise EquationError(
            f"the initial value of {circle[0]!r} needs itself: {' <- '.join(reversed(circle))}; give one of them a number.",
            line=starts[circle[0]].line,
        ) from None
    return tuple(starts[n] for n in order)


def _line(variable: str, text: str) -> str:
    return f"{variable} = {text.strip()}"


def _read(variable: str, text: str, system: System) -> Start:
    line = _line(variable, text)
    tree, draws = named_draws(text, line, DRAWS)
    known = {n: d for n, d in system.dimensions.items() if n not in system.noises}
    reader = Reader({**dict.fromkeys(("i", "N", *draws), _NONE), **known})
    expression = reader.read_as(tree, system.dimensions[variable], line, f"the initial value of {variable}")
    expression = folded(system.written(expression))
    check_numbers(expression, line)
    named = system.named_in([expression])
    statements = tuple(Statement(sp.Symbol(n), e) for n, e in system.named.items() if n in named)
    program = Program(statements, {variable: expression})
    noise = next((n for n in system.noises if n in program.reads), None)
    if noise is not None:
        raise EquationError(
            f"the initial value of {variable!r} depends on white noise {noise!r}, which has no value at one time: draw it with randn().",
            line=line,
        )
    if "dt" in program.reads:
        raise EquationError(
            f"the initial value of {variable!r} depends on dt, but the state at the start has no step: write a time, such as 1*ms.",
            line=line,
        )
    return Start(variable, text, program, draws)
