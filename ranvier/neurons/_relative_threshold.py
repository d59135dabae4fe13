"""A threshold whose gradient does not depend on its size."""

from __future__ import annotations

import ast

from ranvier.errors import EquationError
from ranvier.neurons._cell import Cell
from ranvier.neurons._wrapped import check_cell, followed
from ranvier.neurons.values import least
from ranvier.surrogates import Boxcar, Surrogate

__all__ = ["RelativeThreshold"]


def RelativeThreshold(cell: Cell, *, threshold: str = "V_th", surrogate: Surrogate | None = None) -> Cell:
    """``cell``, which fires where v/V_th > 1 and emits V_th at a spike, so that gradients do not depend on V_th (TrSG).

    The surrogate sees u = v/V_th - 1. The derivative of what is emitted by v is therefore slope(u), whatever V_th is, and a
    network whose inputs and thresholds are multiplied by one number has the same gradients by its inputs. With a plain
    threshold, u = v - V_th, a small V_th makes the window of the surrogate too wide, and a large one too narrow. The spikes
    of the cell are the same up to rounding; the weights after it receive V_th in place of 1.

    Parameters
    ----------
    cell
        With a threshold ``a > V_th`` or ``a >= V_th``, V_th above 0; mark it ``rv.Learn(1.0, min=0.05)`` to learn it.
    threshold
        The name of the parameter.
    surrogate
        In units of the threshold. The default is the window of the paper, 1 within half a threshold of it.

    Raises
    ------
    EquationError
        For another threshold, or one that is not above 0.

    Source: Kook et al., WACV 2026 (TrSG).

    >>> cell = rv.RelativeThreshold(rv.LIF(256, V_th=rv.Learn(1.0, min=0.05)))
    """
    check_cell("RelativeThreshold", cell)
    left = _level(cell.threshold or "", threshold)
    if left is None or cell.emit != "spike" or "sent" in cell.system.dimensions:
        raise EquationError(
            f"RelativeThreshold: the threshold of {cell.name}, {cell.threshold!r}, is not 'a > {threshold}' of a cell that emits "
            f"its spikes: write it so, or name the parameter with threshold=….",
            line=str(cell.threshold),
        )
    low = least(cell.values[threshold])
    if low is not None and low <= 0:
        raise EquationError(
            f"RelativeThreshold: {threshold}={cell.values[threshold]!r} of {cell.name} is not above 0: everything is measured in units of it.",
            line=threshold,
        )
    return cell.changed(
        equations=f"{cell.equations}\nsent' = 0*sent : {cell.system.dimensions[threshold]}",
        threshold=f"({left[0]})/{threshold} {left[1]} 1",
        reset=followed(cell.reset, f"sent = {threshold}"),
        emit="sent",
        surrogate=surrogate or cell.surrogate or Boxcar(),
        reset_gradient=cell.reset_gradient or "surrogate",
    )


def _level(condition: str, threshold: str) -> tuple[str, str] | None:
    """The left side and the sign of ``a > threshold``; None for any other condition."""
    tree = ast.parse(condition.strip(), mode="eval").body if condition.strip() else None
    if not isinstance(tree, ast.Compare) or len(tree.ops) != 1 or not isinstance(tree.ops[0], ast.Gt | ast.GtE):
        return None
    right = tree.comparators[0]
    if not isinstance(right, ast.Name) or right.id != threshold:
        return None
    return ast.unparse(tree.left), ">" if isinstance(tree.ops[0], ast.Gt) else ">="
