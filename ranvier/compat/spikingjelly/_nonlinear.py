"""SpikingJelly's cells with a curved charge."""

from __future__ import annotations

from typing import Any

from ranvier.compat.arguments import CompatError, switch
from ranvier.compat.spikingjelly._node import charge, node
from ranvier.neurons import Cell
from ranvier.surrogates import Surrogate
from ranvier.values import Learn

__all__ = ["EIFNode", "KLIFNode", "QIFNode"]

Size = int | tuple[int, ...] | None


def QIFNode(
    tau: float = 2.0, v_c: float = 0.8, a0: float = 1.0, v_threshold: float = 1.0, v_rest: float = 0.0,
    v_reset: float | None = -0.1, surrogate_function: Surrogate | None = None, detach_reset: bool = False,
    step_mode: str = "s", store_v_seq: bool = False, *, size: Size = None,
) -> Cell:  # fmt: skip
    """The twin of ``QIFNode``: v' = v + (x + a0*(v - v_rest)*(v - v_c))/tau, a spike where v >= V_th, then v = v_reset.

    ``v_reset=None`` subtracts V_th. All [1], tau in steps.

    Raises
    ------
    CompatError
        For values that SpikingJelly refuses, and for a surrogate function of torch.

    >>> cell = rv.compat.spikingjelly.QIFNode(tau=2.0, size=10)
    """
    _check("QIFNode", v_threshold, v_rest, v_reset, {"a0": a0})
    common = (v_threshold, v_reset, surrogate_function, detach_reset, step_mode, store_v_seq, size)
    text = "v' = v + (x + a0*(v - v_rest)*(v - v_c))/tau : 1"
    return node("QIFNode", text, *common, {"tau": tau, "v_c": v_c, "a0": a0, "v_rest": v_rest})


def EIFNode(
    tau: float = 2.0, delta_T: float = 1.0, theta_rh: float = 0.8, v_threshold: float = 1.0, v_rest: float = 0.0,
    v_reset: float | None = -0.1, surrogate_function: Surrogate | None = None, detach_reset: bool = False,
    step_mode: str = "s", store_v_seq: bool = False, *, size: Size = None,
) -> Cell:  # fmt: skip
    """The twin of ``EIFNode``: v' = v + (x + v_rest - v + delta_T*exp((v - theta_rh)/delta_T))/tau, a spike where v >= V_th.

    Then v = v_reset (``None``: v -= V_th). All [1], tau in steps.

    Raises
    ------
    CompatError
        For values that SpikingJelly refuses, and for a surrogate function of torch.

    >>> cell = rv.compat.spikingjelly.EIFNode(tau=2.0, size=10)
    """
    _check("EIFNode", v_threshold, v_rest, v_reset, {"delta_T": delta_T})
    common = (v_threshold, v_reset, surrogate_function, detach_reset, step_mode, store_v_seq, size)
    text = "v' = v + (x + v_rest - v + delta_T*exp((v - theta_rh)/delta_T))/tau : 1"
    return node("EIFNode", text, *common, {"tau": tau, "delta_T": delta_T, "theta_rh": theta_rh, "v_rest": v_rest})


def KLIFNode(
    scale_reset: bool = False, tau: float = 2.0, decay_input: bool = True, v_threshold: float = 1.0,
    v_reset: float | None = 0.0, surrogate_function: Surrogate | None = None, detach_reset: bool = False,
    step_mode: str = "s", store_v_seq: bool = False, *, size: Size = None,
) -> Cell:  # fmt: skip
    """The twin of ``KLIFNode``: v' = maximum(0, k*h) with the charge h of :func:`LIFNode`, and k learnt from 1.

    With ``scale_reset`` that number, u, is compared with V_th, and v' = u/k is what stays and is reset. Source: Jiang & Zhang, 2023.

    Raises
    ------
    CompatError
        For tau of at most 1, or with a unit, and for a surrogate function of torch.

    >>> cell = rv.compat.spikingjelly.KLIFNode(tau=2.0, size=10)
    """
    u = f"maximum(0, k*({charge('KLIFNode', v_reset, decay_input, '/tau')}))"
    scaled = switch("KLIFNode", "scale_reset", scale_reset)
    text = f"u' = {u} : 1\nv' = {u}/k : 1" if scaled else f"v' = {u} : 1"
    common = (v_threshold, v_reset, surrogate_function, detach_reset, step_mode, store_v_seq, size)
    how: dict[str, Any] = {"compared": "u", "less": "V_th/k"} if scaled else {}
    return node("KLIFNode", text, *common, {"tau": tau, "k": Learn(1.0)}, **how)


def _check(cell: str, v_threshold: float, v_rest: float, v_reset: float | None, positive: dict[str, float]) -> None:
    for name, number in positive.items():
        if not number > 0:
            raise CompatError(f"{cell}: {name}={number!r} must be above 0.")
    if v_reset is not None and not (v_threshold > v_reset and v_rest >= v_reset):
        raise CompatError(
            f"{cell}: v_reset={v_reset!r} must be below v_threshold={v_threshold!r} and not above v_rest={v_rest!r}."
        )
