"""Integrate-and-fire cells that send several spikes, of either sign, in one step."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier.errors import EquationError
from ranvier.neurons._cell import Cell
from ranvier.neurons._habits import checked, refuse_own
from ranvier.neurons.values import check_above_zero

__all__ = ["MultiSpikeIF"]


def MultiSpikeIF(
    size: int | tuple[int, ...] | None = None, *, V_th: Any = 1.0, levels: Any = 1, low: Any = 0, **options: Any
) -> Cell:
    """Generalised integrate-and-fire cells: one step sends the spikes of several steps, merged into a number.

    v' = v + x, sent = floor(clip(v/V_th, -low, levels) + 1/2), then v -= V_th*sent; ``sent`` is what arrives.

    Parameters
    ----------
    size
        Number of cells, or a shape.
    V_th
        The value of one spike, above 0.
    levels
        The most spikes in one step, which is the number of steps of plain cells that it merges.
    low
        The most spikes of negative sign in one step; 0 for a rectifier.

    v, x, V_th, levels, low, sent [1]; each may have one value for each cell. After T steps of constant input x with -low*V_th <= x <= levels*V_th the
    sum N of what was sent has abs(T*x - V_th*N) <= V_th/2. One step with ``levels`` = L sends what an ``rv.IF`` cell that starts at V_th/2 sends in
    L steps of x/L. The gradient passes the floor as if it were not there, and is 0 where v is clipped.

    Take these cells where a converted network (:func:`ranvier.conversion.merged_steps`) or an operator needs a whole number in a step. To train a
    network of leaky cells that later fires single spikes, take :func:`ranvier.IntegerLIF`, which :func:`ranvier.conversion.unfold` accepts.

    Raises
    ------
    EquationError
        For V_th or ``levels`` that are not above 0, numbers of spikes that are negative or not whole, and words that the cell sets itself.

    Source: Xing et al., ICLR 2025 (SpikeLLM).

    >>> net = rv.Sequential(rv.Linear(20, 30), rv.MultiSpikeIF(30, levels=4), rv.Linear(30, 3), dt=1*ms)
    """
    refuse_own("MultiSpikeIF", options, "reset", "before_firing", "threshold", "emit")
    check_above_zero("MultiSpikeIF", V_th=V_th)
    _check_counts(levels=levels, low=low)
    check_above_zero("MultiSpikeIF", levels=levels)
    bounded = "clip(v/V_th, -low, levels)"
    return Cell(
        """
        v' = v + x : 1
        sent' = 0*sent : 1
        x : 1 (input)
        """,
        before_firing=f"sent = {bounded} + detach(floor({bounded} + 0.5) - {bounded}); v -= V_th*sent",
        threshold="abs(sent) > 0.5", emit="sent", name="multispike", size=size, V_th=V_th, levels=levels, low=low,
        **checked("MultiSpikeIF", options, V_th=V_th),
    )  # fmt: skip


def _check_counts(**values: Any) -> None:
    """Refuse numbers of spikes that are negative or have a fraction."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float | list | tuple | np.ndarray):
            raise EquationError(
                f"MultiSpikeIF: {name}={value!r} must be a whole number, or an array of one for each cell.", line=name
            )
        numbers = np.asarray(value, dtype=float)
        if not ((numbers >= 0) & (numbers == np.floor(numbers)) & np.isfinite(numbers)).all():
            raise EquationError(
                f"MultiSpikeIF: {name}={value!r} must be whole numbers of spikes, 0 or more.", line=name
            )
