"""The Legendre memory: what entered during the last window, in a few numbers for each cell."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ranvier.errors import EquationError
from ranvier.neurons._cell import Cell
from ranvier.neurons._habits import checked
from ranvier.units import as_quantity, ms
from ranvier.values import Distribution, Learn, Normal, is_whole

__all__ = ["LegendreMemory"]

#: the program of a step grows with the square of the order, and with it the time to compile it: some seconds here
_MOST = 12


def LegendreMemory(
    size: int | tuple[int, ...] | None = None, *, order: int = 8, window: Any = 100 * ms, read: Any = None, V_th: Any = None,
    emit: str = "y", **options: Any,
) -> Cell:  # fmt: skip
    """Each cell remembers the last ``window`` of its input in Legendre polynomials.

    dm_i/dt = (2*i + 1)/window*(sum over j of a_ij*m_j + (-1)^i*x) for i = 0 … order - 1, a_ij = -1 for i < j and (-1)^(i - j + 1)
    for i >= j, advanced exactly for an x that is constant during the step (zero-order hold)
    y = C_0*m_0 + C_1*m_1 + …, or with ``read`` y = P_0*m_0 + P_1*m_1 + …, P_i the Legendre polynomial at 2*read/window - 1: y(t) is
    about x(t - read), as good as the Padé approximation of a delay of order - 1 zeros and order poles. As x is held during a step, the
    delay between steps is read - dt/2.

    Parameters
    ----------
    size
        Number of cells, or a shape.
    order
        Numbers that each cell remembers. The fastest change that they hold has a period of about 2*window/order.
    window
        How far back the memory reaches [ms]; ``rv.Learn(100*ms)`` learns it.
    read
        None: the weights C_i of y are learnt for each cell. A time from 0 to ``window`` [ms], an array or a distribution of times, or
        ``rv.Learn`` of one: a delay that needs no buffer, and has a gradient.
    V_th
        Threshold of y [1] where the cell emits spikes; None: 1.
    emit
        ``"y"``, which may drive other cells, or ``"spike"`` where y > V_th; a spike resets nothing.
    options
        More for :class:`Cell`, and values of C_0, C_1, … in place of those at the start (normal, of variance 1/order).

    m_i, x, y, C_i [1].

    Raises
    ------
    EquationError, DimensionError
        For an order outside 1 to 12, a time outside the window, or a value with the wrong unit.

    Source: Voelker, Kajić & Eliasmith, NeurIPS 2019 (Legendre memory units).

    >>> net = rv.Sequential(rv.LegendreMemory(1, window=50*ms, read=50*ms), dt=1*ms)
    >>> late, state = net(torch.sin(torch.arange(300) / 30).reshape(300, 1, 1))  # the input, 50 ms later
    """
    if not is_whole(order) or order > _MOST:
        raise EquationError(f"order={order!r} must be a whole number from 1 to {_MOST}.", line="LegendreMemory")
    if emit not in ("spike", "y"):
        raise EquationError(f"emit={emit!r}: a Legendre memory emits 'y' or 'spike'.", line="LegendreMemory")
    if emit == "y" and V_th is not None:
        raise EquationError(
            f"V_th={V_th!r}: a Legendre memory that emits 'y' does not fire; remove V_th, or add emit='spike'.",
            line="LegendreMemory",
        )
    V_th = 1.0 if V_th is None else V_th
    times = {"window": window} if read is None else {"window": window, "read": read}
    given = checked("LegendreMemory", options, V_th=V_th, **times)
    if read is not None:
        _check_reach(read, window)
    lines, values = [_equation(i, order) for i in range(order)], dict[str, Any]()
    if read is None:
        weights = [f"C_{i}" for i in range(order)]
        values |= {C: Learn(Normal(0, 1 / math.sqrt(order))) for C in weights}
    else:
        weights, values["read"] = [f"P_{i}" for i in range(order)], read
        lines += ["place = 2*read/window - 1 : 1", *(_polynomial(i) for i in range(order))]
    lines += ["y = " + " + ".join(f"{w}*m_{i}" for i, w in enumerate(weights)) + " : 1", "x : 1 (input)"]
    fires: dict[str, Any] = {"threshold": "y > V_th", "V_th": V_th} if emit == "spike" else {"emit": emit}
    return Cell("\n".join(lines), name="memory", size=size, window=window, **{**values, **fires, **given})


def _equation(i: int, order: int) -> str:
    """How m_i changes."""
    from_others = " ".join(f"{'-' if i < j or (i - j) % 2 == 0 else '+'} m_{j}" for j in range(order))
    return f"dm_{i}/dt = {2 * i + 1}*({from_others} {'-' if i % 2 else '+'} x)/window : 1"


def _polynomial(i: int) -> str:
    """P_i at ``place``, by the recursion of Bonnet."""
    if i < 2:
        return f"P_{i} = {('1', 'place')[i]} : 1"
    return f"P_{i} = ({2 * i - 1}*place*P_{i - 1} - {i - 1}*P_{i - 2})/{i} : 1"


def _check_reach(read: Any, window: Any) -> None:
    """Refuse times that lie outside of the window, where both are numbers."""
    bare = [value.value if isinstance(value, Learn) else value for value in (read, window)]
    if any(isinstance(value, Distribution) for value in bare):
        return
    times, most = (np.asarray(as_quantity(value).value, dtype=float) for value in bare)
    if (times < 0).any() or (times > most).any():
        raise EquationError(
            f"read={read!r} reaches outside of window={window!r}: give times from 0 to the window.",
            line="LegendreMemory",
        )
