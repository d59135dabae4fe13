"""Norse's cell with an adaptive threshold."""

from __future__ import annotations

from typing import Any

from ranvier.compat.arguments import value
from ranvier.compat.norse._parameters import LSNNParameters, slope, steps
from ranvier.dynamics import Reset
from ranvier.neurons import Cell

__all__ = ["LSNN", "lsnn"]

Size = int | tuple[int, ...] | None


def lsnn(cell: str, p: Any, dt: Any, size: Size, reset_gradient: Reset) -> Cell:
    """The cell of LSNN and LSNNRecurrent."""
    return Cell(
        """
        v' = v + k_mem*(v_leak - v + i) : 1
        i' = (1 - k_syn)*i + x : 1
        b' = b + k_adapt*(V_th - b) : 1
        x : 1 (input)
        """,
        threshold="v > b", reset="v = v_reset; b += beta", surrogate=slope(cell, p.method, p.alpha), name="lsnn", size=size,
        reset_gradient=reset_gradient, k_mem=steps(cell, "tau_mem_inv", p.tau_mem_inv, dt),
        k_syn=steps(cell, "tau_syn_inv", p.tau_syn_inv, dt), k_adapt=steps(cell, "tau_adapt_inv", p.tau_adapt_inv, dt),
        v_leak=value(p.v_leak), v=value(p.v_leak), V_th=value(p.v_th), b=value(p.v_th), v_reset=value(p.v_reset),
        beta=value(p.beta),
    )  # fmt: skip


def LSNN(p: Any = LSNNParameters(), dt: float = 0.001, *, size: Size = None) -> Cell:  # noqa: B008
    """The twin of ``norse.torch.LSNN`` (and ``LSNNCell``).

    v' = v + k_mem*(v_leak - v + i), i' = (1 - k_syn)*i + x, b' = b + k_adapt*(V_th - b), a spike where v > b, then v = v_reset and
    b += beta. Arrivals act on v one step later than in :func:`LIF`. The reset passes the surrogate.

    Raises
    ------
    CompatError
        For a method without a surrogate, and for dt with a unit.

    >>> cell = rv.compat.norse.LSNN(size=10)
    """
    return lsnn("LSNN", p, dt, size, "surrogate")
