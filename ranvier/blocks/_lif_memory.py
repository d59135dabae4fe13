"""Legendre memory units in which all signals are spikes of leaky cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.linalg import expm
from torch import nn

from ranvier.blocks._parts import MakeCell, check_sizes
from ranvier.connectivity import Linear
from ranvier.errors import DimensionError, RanvierError
from ranvier.network import Network
from ranvier.neurons import LIF, Cell
from ranvier.units import UNITS, as_quantity, ms

__all__ = ["legendre_matrices", "lif_memory"]


def legendre_matrices(order: int, steps: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """A [order, order] and B [order] of the Legendre memory: dm/dt = (A m + B u)/window, or m' = A m + B u for a window of ``steps`` steps.

    With ``steps``, u is held constant during each step (zero-order hold).

    Raises
    ------
    ShapeError
        Where the order is not a positive whole number.
    RanvierError
        Where the window has a negative number of steps.

    Source: Voelker, Kajić & Eliasmith, NeurIPS 2019.

    >>> A, B = rv.blocks.legendre_matrices(4, steps=100)
    """
    check_sizes("legendre_matrices", order=order)
    if not 0 <= steps < np.inf:
        raise RanvierError(
            f"legendre_matrices: steps={steps!r} must be above 0, or 0 for A and B of the differential equation."
        )
    i, j = np.indices((order, order))
    A = (2 * i + 1) * np.where(i < j, -1.0, (-1.0) ** (i - j + 1))
    B = (2 * i[:, 0] + 1) * (-1.0) ** i[:, 0]
    if not steps:
        return A, B
    whole = np.zeros((order + 1, order + 1))
    whole[:order, :order], whole[:order, order] = A / steps, B / steps
    held = expm(whole)
    return held[:order, :order], held[:order, order]


def lif_memory(
    inputs: int, hidden: int, *, dt: Any, channels: int = 8, order: int = 4, window: Any = 200 * ms, cell: MakeCell = LIF,
    memory_cell: MakeCell | None = None, **network: Any,
) -> Network:  # fmt: skip
    """A Legendre memory unit of leaky cells (L2MU): the input u, the memory m and the hidden state h are spiking populations.

    Currents into u: E_x x + E_h h' + E_m m'; into m: A m' + B u in each channel; into h: W_x x + W_h h' + W_m m, with h' and m' the spikes of the
    previous step. A and B are those of :func:`legendre_matrices` and are not learnt; E_m starts at 0.

    x [T, B, inputs] may be real numbers; the output is the spikes of h [T, B, hidden].

    Parameters
    ----------
    inputs, hidden
        Numbers of inputs and of hidden cells.
    dt
        Step of the network.
    channels, order
        The memory has channels*order cells.
    window
        The time that the memory spans [ms].
    cell
        Makes the cells, such as ``lambda: rv.LIF(tau=rv.Learn(20*ms), V_th=rv.Learn(1.0))``.
    memory_cell
        Makes the cells of the memory. None: leaky cells with a threshold of 0.2, because one spike of u changes a long memory only a little.
    network
        Further arguments of :class:`ranvier.Network`, such as ``seed``.

    Raises
    ------
    ShapeError
        Where a size is not a positive whole number.
    DimensionError
        Where ``window`` or ``dt`` is not a time.
    RanvierError
        Where ``dt`` is not one time above 0, or ``window`` is not one that is at least ``dt``.

    Source: Fra, Leto, Pignata, Macii & Urgese, ICANN 2024 (L2MU).

    >>> net = rv.Sequential(rv.blocks.lif_memory(6, 32, dt=20*ms), rv.Linear(32, 5), dt=20*ms)
    """
    check_sizes("lif_memory", inputs=inputs, hidden=hidden, channels=channels, order=order)
    for name, value in (("window", window), ("dt", dt)):
        if as_quantity(value).dimension != UNITS["ms"].dimension:
            raise DimensionError(f"lif_memory: {name}={value!r} is not a time: write {name}=20*ms.")
    step, span = as_quantity(dt).value, as_quantity(window).value
    if np.ndim(step) or not 0 < step < np.inf:
        raise RanvierError(f"lif_memory: dt={dt!r} must be one time above 0.")
    if np.ndim(span) or not step <= span < np.inf:
        raise RanvierError(f"lif_memory: window={window!r} must be one time of at least dt={dt!r}.")
    A, B = legendre_matrices(order, float(span / step))
    net = Network(dt=dt, **network)
    x = net.input("input", inputs)
    u, m = (
        net.population("entry", channels, cell()),
        net.population("memory", channels * order, _low() if memory_cell is None else memory_cell()),
    )
    h = net.population("hidden", hidden, cell(), output=True)
    back = Linear(channels * order, channels, bias=False)
    nn.init.zeros_(back.weight)
    net.connect(x, u, Linear(inputs, channels), same_step=True)
    net.connect(h, u, Linear(hidden, channels, bias=False))
    net.connect(m, u, back)
    net.connect(u, m, _fixed(np.kron(np.eye(channels), B[:, None])), same_step=True)
    net.connect(m, m, _fixed(np.kron(np.eye(channels), A)))
    net.connect(x, h, Linear(inputs, hidden), same_step=True)
    net.connect(h, h, Linear(hidden, hidden, bias=False))
    net.connect(m, h, Linear(channels * order, hidden, bias=False), same_step=True)
    return net


def _low() -> Cell:
    """A cell that a few small inputs make fire."""
    return LIF(V_th=0.2)


def _fixed(matrix: np.ndarray) -> Linear:
    """A map that training leaves as it is."""
    post, pre = matrix.shape
    made = Linear(pre, post, bias=False)
    with torch.no_grad():
        made.weight.copy_(torch.from_numpy(matrix))
    return made.requires_grad_(False)
