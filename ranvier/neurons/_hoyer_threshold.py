"""A threshold at the Hoyer extremum of the membranes of a layer."""

from __future__ import annotations

from ranvier.errors import EquationError
from ranvier.neurons._cell import Cell
from ranvier.neurons._membrane_norm import normed
from ranvier.neurons._wrapped import check_cell
from ranvier.neurons.values import least
from ranvier.surrogates import Surrogate

__all__ = ["HoyerThreshold"]


def HoyerThreshold(
    cell: Cell, *, threshold: str = "V_th", variable: str = "v", momentum: float = 0.1, surrogate: Surrogate | None = None
) -> Cell:  # fmt: skip
    """``cell``, which fires where v/V_th > E, with E = sum z**2/sum z, the Hoyer extremum of its population.

    z is v/V_th between 0 and 1, and the sums run over batch and cells. E is at most 1, so the threshold is never above V_th, and it is
    lower where membranes are small. In training, E is that of each step, before the cells fire; no gradient passes through it.
    In evaluation it is a running mean, which starts at 1. Equations and reset keep v and V_th. With
    ``rv.Learn(1.0, min=0.05)`` as V_th, its gradient comes from the spikes. :class:`ranvier.regularizers.HoyerSparsity` is the
    regulariser that belongs to it.

    As with :func:`ranvier.MembraneNorm`, training goes step by step, every step runs twice, BPTT and SLTT train such cells,
    the population needs a size, and :func:`ranvier.fold_norms` makes E a parameter of the cell.

    Parameters
    ----------
    cell
        With a threshold that compares ``variable``, a number without unit, with the parameter called ``threshold``, above 0.
    momentum
        Of the running mean.
    surrogate
        Of u = v/E - V_th. The default is 0.5 where abs(u) < 1, so gradients pass for v from 0 to 2*E where V_th = 1. The paper
        has 0.5 for v/V_th from 0 to 2.

    Raises
    ------
    EquationError
        For a cell without such a threshold, or with a norm already.

    Source: Datta, Liu & Beerel, 2022, arXiv:2212.10170 (Hoyer regularizer is all you need for ultra low-latency SNNs).

    >>> net = rv.Sequential(rv.Linear(64, 32), rv.HoyerThreshold(rv.IF(32)), rv.Linear(32, 10), dt=1*ms)
    >>> float(net.if1.membrane_norm.running_extremum)
    1.0
    """
    check_cell("HoyerThreshold", cell)
    low = least(cell.values[threshold]) if threshold in cell.parameters else None
    if threshold not in cell.parameters or threshold not in (cell.threshold or ""):
        raise EquationError(
            f"HoyerThreshold: the threshold of {cell.name}, {cell.threshold!r}, does not compare with a parameter {threshold!r}: name it "
            f"with threshold=….",
            line=str(cell.threshold),
        )
    if low is not None and low <= 0:
        raise EquationError(
            f"HoyerThreshold: {threshold}={cell.values[threshold]!r} of {cell.name} is not above 0: everything is measured in units of it.",
            line=threshold,
        )
    made = normed("HoyerThreshold", cell, variable, 1e-5, momentum, threshold)
    return made.changed(surrogate=surrogate or cell.surrogate or Surrogate("where(abs(u) < 1.0, 0.5, 0.0)"))
