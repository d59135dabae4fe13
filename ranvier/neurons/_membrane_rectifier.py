"""A rectifier of the membrane: before the threshold is tested, it moves towards what a spike stands for."""

from __future__ import annotations

from typing import Any

from ranvier.errors import EquationError
from ranvier.neurons._cell import Cell
from ranvier.neurons._wrapped import check_cell, followed
from ranvier.neurons.values import check_above_zero

__all__ = ["MembraneRectifier"]


def MembraneRectifier(cell: Cell, *, level: Any = 1.0, variable: str = "v") -> Cell:
    """``cell``, whose membrane moves towards 0 or ``level`` before it fires: v = level*phi(v/level).

    phi(u) = 1 - (1 - u)**(1/3) for u < 0, 1/2 + tanh(3*(u - 1/2))/(2*tanh(3/2)) between 0 and 1, and u**(1/3) above 1.
    phi is continuous and rises, and 0, 1/2 and 1 stay where they are: with the threshold level/2 phi
    changes no spike of its own step, and what the reset leaves is small. Fire at half of what a spike
    subtracts: ``rv.LIF(256, V_th=0.5, reset="v -= 1")`` is the soft reset of the paper. The rectifier is a statement
    before firing (:class:`Cell`), so every rule that takes update rules takes it.

    Parameters
    ----------
    cell
        A cell with a threshold. Its other statements before firing come first.
    level
        What a spike stands for, above 0, in the unit of ``variable``.
    variable
        The membrane.

    Raises
    ------
    EquationError
        For what is no cell, has no such variable, or has no threshold, and for a level that is not above 0.

    Source: Guo et al., ECCV 2022 (reducing information loss for spiking neural networks, MPR).

    >>> cell = rv.MembraneRectifier(rv.LIF(256, V_th=0.5, reset="v -= 1"))
    """
    check_cell("MembraneRectifier", cell)
    if variable not in cell.system.states:
        known = ", ".join(cell.system.states) or "none"
        raise EquationError(
            f"MembraneRectifier: {variable!r} is no variable of {cell.name}: name one of {known} with variable=….",
            line=variable,
        )
    if not cell.threshold:
        raise EquationError(
            f"MembraneRectifier: {cell.name} never fires: give a cell with a threshold, such as rv.LIF(256).",
            line=cell.name,
        )
    if "rectified" in cell.values:
        raise EquationError(f"MembraneRectifier: {cell.name} has a rectifier already.", line=cell.name)
    check_above_zero("MembraneRectifier", level=level)
    v = f"{variable}/rectified"
    middle = f"tanh(3*(clip({v}, 0, 1) - 0.5))/(2*tanh(1.5)) + 0.5"
    outside = f"maximum({v}, 1)**(1/3) - (1 - minimum({v}, 0))**(1/3)"
    statement = f"{variable} = rectified*({middle} + {outside})"
    return cell.changed(
        before_firing=followed(cell.before_firing, statement), values={**cell.values, "rectified": level}
    )
