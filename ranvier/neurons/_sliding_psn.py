"""The sliding parallel spiking neuron: a weighted sum of the last inputs, and a threshold."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from ranvier.errors import EquationError
from ranvier.neurons._cell import Cell
from ranvier.neurons._habits import checked
from ranvier.units import as_quantity
from ranvier.values import Learn, is_whole

__all__ = ["SlidingPSN"]

_MOST = 64


def SlidingPSN(
    size: int | tuple[int, ...] | None = None, *, order: int = 4, weight: Any = None, V_th: Any = None, **options: Any
) -> Cell:
    """Sliding parallel spiking neuron: a causal convolution of the last inputs, without leak and reset.

    h' = w_0*x + w_1*x_1 + … + w_(k-1)*x_(k-1), where x_i is the input i steps ago; a spike where h >= V_th.

    Parameters
    ----------
    size
        Number of cells, or a shape.
    order
        k, how many inputs h reads: those of this step and of the k - 1 steps before, which are the state.
    weight
        w_0 … w_(k-1): k numbers, or ``Learn`` of them; None: learnt, 1, 1/2, 1/4, … at the start. All cells share them.
    V_th
        Threshold of h [1]; None: learnt, 1 at the start.
    options
        More for :class:`Cell`: ``surrogate``, or single weights such as ``w_0=rv.Learn(1.0, each=True)``, one for each cell.

    h, x, w_i [1].

    Raises
    ------
    EquationError, DimensionError
        Where the order is not from 1 to 64, or does not fit the weights.

    Source: Fang et al., NeurIPS 2023 (parallel spiking neurons).

    >>> net = rv.Sequential(rv.Linear(700, 256), rv.SlidingPSN(256, order=8), rv.Linear(256, 20), rv.LeakyReadout(20), dt=1*ms)
    """
    if not is_whole(order) or order > _MOST:
        raise EquationError(f"order={order!r} must be a whole number from 1 to {_MOST}.", line="SlidingPSN")
    V_th = Learn(1.0) if V_th is None else V_th
    values: dict[str, Any] = {f"w_{i}": Learn(0.5**i) for i in range(order)}
    if weight is not None:
        learnt = weight if isinstance(weight, Learn) else None
        numbers = np.asarray(as_quantity(weight if learnt is None else learnt.value).value, dtype=float)
        if numbers.shape != (order,):
            raise EquationError(
                f"weight has shape {numbers.shape}, but order={order} asks for {order} numbers, that of the present input first.",
                line="SlidingPSN",
            )
        values = {f"w_{i}": float(w) for i, w in enumerate(numbers)}
        if learnt is not None:
            values = {n: Learn(w, learnt.min, learnt.max, each=learnt.each) for n, w in values.items()}
    past = ["x", *(f"x_{i}" for i in range(1, order))]
    shifts = [f"{new}' = {old} : 1" for old, new in pairwise(past)]
    total = " + ".join(f"w_{i}*{x}" for i, x in enumerate(past))
    return Cell(
        "\n".join([f"h' = {total} : 1", *shifts, "x : 1 (input)"]), threshold="h >= V_th", name="psn", size=size, V_th=V_th,
        **{**values, **checked("SlidingPSN", options, V_th=V_th)},
    )  # fmt: skip
