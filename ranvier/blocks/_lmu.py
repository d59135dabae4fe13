"""Legendre memory units between spikes, and the layers around them: LMUFormer."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from ranvier.blocks._parts import MakeCell, MakeNorm, check_sizes
from ranvier.connectivity import Linear, ThresholdBatchNorm
from ranvier.errors import DimensionError, RanvierError
from ranvier.network import Residual, Sequential
from ranvier.neurons import LIF, Cell, LegendreMemory
from ranvier.units import UNITS, as_quantity, ms

__all__ = ["causal_conv", "lmu", "lmuformer"]

Part = nn.Module | Cell | Residual


def causal_conv(inputs: int, made: int, *, taps: int = 3, dt: Any) -> Linear | Sequential:
    """A convolution over time that reads the present step and the ``taps`` - 1 steps before it: y[t] = sum over k of W_k x[t - k].

    Each further tap is a :class:`ranvier.Linear` with a delay of k*dt, so single steps and blocks of a stream give the same output as the
    whole sequence. x [T, B, inputs], y [T, B, made]; no bias. ``dt`` is the step of the network, and a
    network of another step refuses the part.

    Raises
    ------
    ShapeError
        Where a size is not a positive whole number.
    DimensionError
        Where ``dt`` is not a time.
    RanvierError
        Where ``dt`` is not one time above 0.

    >>> net = rv.Sequential(rv.blocks.causal_conv(40, 64, dt=10*ms), rv.LIF(64), dt=10*ms)
    """
    check_sizes("causal_conv", inputs=inputs, made=made, taps=taps)
    step = as_quantity(dt)
    if step.dimension != UNITS["ms"].dimension:
        raise DimensionError(f"causal_conv: dt={dt!r} is not a time: give the step of the network, such as dt=10*ms.")
    if np.ndim(step.value) or not 0 < step.value < np.inf:
        raise RanvierError(f"causal_conv: dt={dt!r} must be one time above 0.")
    way: Linear | Residual = Linear(inputs, made, bias=False)
    for k in range(1, taps):
        way = Residual(way, shortcut=[Linear(inputs, made, bias=False, delay=k * step)])
    return Sequential(way, dt=step) if isinstance(way, Residual) else way


def lmu(
    inputs: int, hidden: int, *, order: int = 6, window: Any = 400 * ms, cell: MakeCell = LIF, norm: MakeNorm = ThresholdBatchNorm
) -> tuple[Part, ...]:  # fmt: skip
    """A Legendre memory unit between spikes: h = cell(norm(W_m r + W_x x)), r = cell(norm(y)), u = cell(norm(W_u x)).

    y is what :class:`ranvier.LegendreMemory` reads of the spikes u. x [T, B, inputs] spikes, h [T, B, hidden] spikes: projections only add
    weights, and products of two real numbers stay inside the memory. Each cell has its own memory of ``order`` numbers with learnt weights; the source has
    one memory of high order that all cells read.

    Parameters
    ----------
    inputs, hidden
        Numbers of cells.
    order, window
        As in :class:`ranvier.LegendreMemory`.
    cell, norm
        ``cell()`` and ``norm(size)`` make the parts.

    Raises
    ------
    ShapeError
        Where a number of cells is not a positive whole number.
    EquationError, DimensionError
        For an order outside 1 to 12, or a window that is not a time.

    Source: Voelker, Kajić & Eliasmith, NeurIPS 2019; with spikes: Liu et al., ICLR 2024 (LMUFormer).

    >>> net = rv.Sequential(rv.Linear(40, 64), rv.LIF(64), *rv.blocks.lmu(64, 64), rv.Linear(64, 10), dt=10*ms)
    """
    check_sizes("lmu", inputs=inputs, hidden=hidden)
    memory = LegendreMemory(hidden, order=order, window=window)
    branch = Linear(inputs, hidden, bias=False), norm(hidden), cell(), memory, norm(hidden), cell()
    joined = Residual(*branch, Linear(hidden, hidden, bias=False), shortcut=[Linear(inputs, hidden, bias=False)])
    return joined, norm(hidden), cell()


def lmuformer(
    width: int, *, dt: Any, order: int = 6, window: Any = 400 * ms, taps: int = 3, expand: int = 2, cell: MakeCell = LIF,
    norm: MakeNorm = ThresholdBatchNorm,
) -> tuple[Residual, Residual]:  # fmt: skip
    """A block of LMUFormer on currents: x + mix(lmu(x)), then x + mixer(x).

    The first part is a Legendre memory unit (:func:`lmu`) and a map of width to width, the second a mixer of channels: width to
    expand*width cells and back by a causal convolution of ``taps`` steps. Both begin with cells, so that only spikes enter maps, and end with
    a norm; currents [T, B, width] are added. The source pads its convolutions on both sides, so they read later steps; these read only
    earlier ones.

    Raises
    ------
    ShapeError, EquationError, DimensionError
        As :func:`lmu` and :func:`causal_conv`.

    Source: Liu et al., ICLR 2024 (LMUFormer).

    >>> embed = rv.blocks.causal_conv(40, 64, dt=10*ms), rv.ThresholdBatchNorm(64)
    >>> net = rv.Sequential(*embed, *rv.blocks.lmuformer(64, dt=10*ms), rv.LIF(64), rv.Linear(64, 10), dt=10*ms)
    """
    check_sizes("lmuformer", width=width, expand=expand)
    inner = expand * width
    unit = Residual(
        cell(), *lmu(width, width, order=order, window=window, cell=cell, norm=norm), Linear(width, width, bias=False), norm(width)
    )  # fmt: skip
    back = causal_conv(inner, width, taps=taps, dt=dt)
    return unit, Residual(cell(), Linear(width, inner, bias=False), norm(inner), cell(), back, norm(width))
