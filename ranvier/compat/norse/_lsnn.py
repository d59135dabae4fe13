"""Norse's cell with an adaptive threshold."""

from __future__ import annotations

from typing import Any

from ranvier.compat.norse._parameters import LSNNParameters, first, own, rates, slope
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
        k_mem = dt_s*tau_mem_inv : 1
        k_syn = dt_s*tau_syn_inv : 1
        k_adapt = dt_s*tau_adapt_inv : 1
        x : 1 (input)
        """,
        threshold="v > b", reset="v = v_reset; b += beta", surrogate=slope(cell, p.method, p.alpha), name="lsnn", size=size,
        reset_gradient=reset_gradient, **rates(cell, p, ("tau_mem_inv", "tau_syn_inv", "tau_adapt_inv"), dt),
        v_leak=own(p.v_leak), v=first(p.v_leak), V_th=own(p.v_th), b=first(p.v_th), v_reset=own(p.v_reset), beta=own(p.beta),
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
