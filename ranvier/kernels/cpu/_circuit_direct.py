"""Arrivals that need no place of their own: where a program only adds them to a state, they are added at once."""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp

from ranvier.dynamics import Program, Step
from ranvier.dynamics._program import Statement

__all__ = ["adds_to_state", "without_kicks"]

_PREFIX = "kick_"


def adds_to_state(step: Step, stream: str) -> bool:
    """Whether a stream is used once, as ``state + stream``, and the state nowhere else."""
    if not stream.startswith(_PREFIX):
        return False
    total = sp.Symbol(stream.removeprefix(_PREFIX)) + sp.Symbol(stream)
    expressions = [*(s.expression for s in step.program.statements), *step.program.outputs.values()]
    users = [e for e in expressions if e.free_symbols & total.free_symbols]
    return len(users) == 1 and users[0] == total


def without_kicks(program: Program, streams: Iterable[str]) -> Program:
    """The program of states to which these streams have been added already."""
    gone: dict[sp.Basic, sp.Basic] = {sp.Symbol(s): sp.Integer(0) for s in streams}
    statements = tuple(Statement(s.target, s.expression.xreplace(gone), s.event) for s in program.statements)
    return Program(statements, dict(program.outputs))
