"""What a conversion asks of its arguments, before anything runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ranvier.errors import ConversionError
from ranvier.neurons import Cell

__all__ = ["check_cell", "check_collection"]


def check_cell(cell: Any) -> None:
    """Refuse a cell that cannot stand for a rectifier.

    Raises
    ------
    ConversionError
        With all that it needs, and what this one lacks.
    """
    if not isinstance(cell, Cell):
        name = getattr(cell, "__name__", repr(cell))
        raise ConversionError(f"cell={name} is no cell: give one without a size, such as cell=rv.LIF(tau=5*ms).")
    lacks = _lacks(cell)
    if lacks:
        raise ConversionError(
            f"cell={cell!r} {lacks}. A converted layer needs a cell that fires, with one input, a state v and a parameter V_th, all without a "
            f"unit, because they hold the activations of the network: rv.IF(), rv.LIF(tau=…), or equations of your own."
        )


def _lacks(cell: Cell) -> str:
    """What a cell lacks, as the end of a sentence; empty where it lacks nothing."""
    units, port = cell.system.dimensions, cell.default_port
    if not cell.fires or cell.emit != "spike":
        return "sends no spikes"
    if port is None:
        several = ", ".join(cell.system.ports)
        return f"has the inputs {several}, not one" if several else "has no port declared as (input)"
    if "v" not in cell.system.states:
        return "has no state v"
    if "V_th" not in cell.parameters:
        return "has no parameter V_th"
    odd = [n for n in (port, "v", "V_th") if not units[n].is_none]
    return f"gives {', '.join(odd)} a unit ({units[odd[0]]})" if odd else ""


def check_collection(name: str, given: Any, what: str, example: str) -> None:
    """Refuse an argument that is a single thing instead of a list.

    Raises
    ------
    ConversionError
        With the argument and an example.
    """
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise ConversionError(f"{name}={given!r} must be a list of {what}: write {example}.")
