"""Norse's leaky cells without recurrent weights."""

from __future__ import annotations

from typing import Any

from ranvier.compat.arguments import one_of
from ranvier.compat.norse._parameters import LIFBoxParameters, LIFParameters, LIParameters, first, own, rates, slope
from ranvier.dynamics import Reset
from ranvier.neurons import Cell

__all__ = ["LI", "LIF", "LIFBox", "lif"]

Size = int | tuple[int, ...] | None
#: of LIF and LI
_EQUATIONS = """
v' = v + k_mem*(v_leak - v + i + x) : 1
i' = (1 - k_syn)*(i + x) : 1
k_mem = dt_s*tau_mem_inv : 1
k_syn = dt_s*tau_syn_inv : 1
x : 1 (input)
"""
_RATES = ("tau_mem_inv", "tau_syn_inv")


def lif(cell: str, p: Any, dt: Any, size: Size, reset_gradient: Reset) -> Cell:
    """The cell of LIF and LIFRecurrent."""
    return Cell(
        _EQUATIONS,
        threshold="v > V_th", reset="v = v_reset", surrogate=slope(cell, p.method, p.alpha), name="lif", size=size,
        reset_gradient=reset_gradient, **rates(cell, p, _RATES, dt), v_leak=own(p.v_leak), v=first(p.v_leak),
        V_th=own(p.v_th), v_reset=own(p.v_reset),
    )  # fmt: skip


def LIF(p: Any = LIFParameters(), dt: float = 0.001, *, size: Size = None) -> Cell:  # noqa: B008
    """The twin of ``norse.torch.LIF`` (and ``LIFCell``).

    v' = v + k_mem*(v_leak - v + i + x), i' = (1 - k_syn)*(i + x), a spike where v > V_th, then v = v_reset; k_mem = dt*tau_mem_inv,
    k_syn = dt*tau_syn_inv. The reset passes the surrogate. Values of ``p`` given as ``rv.Learn`` or ``torch.nn.Parameter`` are learnt.

    v, i, x, v_leak, V_th, v_reset [1]; ``p`` is ``LIFParameters`` of here or of Norse; ``dt`` [s].

    Raises
    ------
    CompatError
        For a method without a surrogate (``"heaviside"``, ``"adjoint"``), and for dt with a unit.

    >>> net = rv.Sequential(rv.Linear(20, 10, bias=False), rv.compat.norse.LIF(), dt=1*ms)
    """
    return lif("LIF", p, dt, size, "surrogate")


def LIFBox(p: Any = LIFBoxParameters(), dt: float = 0.001, *, size: Size = None) -> Cell:  # noqa: B008
    """The twin of ``norse.torch.LIFBoxCell``: v' = v + k_mem*(v_leak - v + x), a spike where v > V_th, then its reset.

    ``p.reset_method`` is ``"reset_value"`` (v = v_reset) or ``"reset_subtract"`` (v -= V_th), or Norse's function of that name.

    Raises
    ------
    CompatError
        For another reset, or a method without a surrogate.

    >>> cell = rv.compat.norse.LIFBox(size=10)
    """
    subtracts = one_of("LIFBox", "reset_method", p.reset_method, ("reset_value", "reset_subtract")) == "reset_subtract"
    return Cell(
        "v' = v + k_mem*(v_leak - v + x) : 1\nk_mem = dt_s*tau_mem_inv : 1\nx : 1 (input)",
        threshold="v > V_th", reset="v -= V_th" if subtracts else "v = v_reset", surrogate=slope("LIFBox", p.method, p.alpha),
        name="lifbox", size=size, reset_gradient="surrogate", **rates("LIFBox", p, ("tau_mem_inv",), dt),
        v_leak=own(p.v_leak), v=first(p.v_leak), V_th=own(p.v_th), **({} if subtracts else {"v_reset": own(p.v_reset)}),
    )  # fmt: skip


def LI(p: Any = LIParameters(), dt: float = 0.001, *, size: Size = None) -> Cell:  # noqa: B008
    """The twin of ``norse.torch.LI``, a read-out: v' = v + k_mem*(v_leak - v + i + x), i' = (1 - k_syn)*(i + x); it emits v.

    Raises
    ------
    CompatError
        For dt with a unit.

    >>> cell = rv.compat.norse.LI(size=10)
    """
    return Cell(
        _EQUATIONS,
        emit="v", name="li", size=size, **rates("LI", p, _RATES, dt), v_leak=own(p.v_leak), v=first(p.v_leak),
    )  # fmt: skip
