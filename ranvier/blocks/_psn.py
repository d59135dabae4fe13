"""The parallel spiking neuron: a matrix over time, and a threshold."""

from __future__ import annotations

from typing import Any

from ranvier.connectivity import TimeLinear
from ranvier.errors import EquationError
from ranvier.neurons import Cell

__all__ = ["PSN"]


def PSN(
    size: int | tuple[int, ...] | None = None, *, steps: int, order: int | None = None, **options: Any
) -> tuple[TimeLinear, Cell]:
    """Parallel spiking neurons: h = W x + b over all steps of a sequence, and a spike in every step where h[t] >= 0.

    h[t] = sum over s of W[t, s]*x[s] + b[t]; -b[t] is the threshold of step t. W [T, T] and b [T] are learnt, and all cells share them.

    A tuple of two parts to unpack into ``rv.Sequential``: the matrix (:class:`ranvier.TimeLinear`) and cells without variables. What
    arrives over several projections must be summed first, by an ``rv.Relay``.

    Parameters
    ----------
    size
        Number of cells, or a shape.
    steps
        T, the steps of every sequence. Single steps, windows and samples of different length are refused: h[t] reads later inputs.
    order
        k: a masked PSN, in which h[t] reads only the k inputs up to step t. (The source fades the mask in during training; here it is
        complete from the start.)
    options
        More for the cells: ``surrogate`` …

    b starts at -1, W uniform within 1/sqrt(T). :func:`ranvier.SlidingPSN` has one row of weights for all steps, and runs in streams.

    Raises
    ------
    ShapeError
        Where T or the order is not a positive whole number, or the order is above T.
    EquationError
        For ``V_th``, and for unknown words.

    Source: Fang et al., NeurIPS 2023 (parallel spiking neurons).

    >>> net = rv.Sequential(rv.Linear(700, 64), *rv.PSN(64, steps=100), rv.Linear(64, 20), rv.LeakyReadout(20), dt=1*ms)
    """
    if "V_th" in options:
        raise EquationError(
            f"V_th={options['V_th']!r}: the thresholds of PSN are learnt, -b[t] of each step; set them in the first part, as in "
            f"matrix.bias.data.fill_(-1.0).",
            line="PSN",
        )
    matrix = TimeLinear(steps, order=order, bias=-1.0)
    return matrix, Cell("h : 1 (input)", threshold="h >= 0", name="psn", size=size, **options)
