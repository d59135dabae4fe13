"""What functions that change a cell have in common."""

from __future__ import annotations

from typing import Any

from ranvier.errors import EquationError
from ranvier.neurons._cell import Cell

__all__ = ["check_cell", "followed"]


def check_cell(owner: str, cell: Any) -> None:
    """Refuse what is no cell, as the argument of the function called ``owner``."""
    if not isinstance(cell, Cell):
        raise EquationError(f"{owner}: {cell!r} is not a cell: give one such as rv.LIF(256).", line=repr(cell))


def followed(code: str | None, statement: str) -> str:
    """The statements ``code``, if any, and then ``statement``."""
    return f"{code}; {statement}" if code else statement
