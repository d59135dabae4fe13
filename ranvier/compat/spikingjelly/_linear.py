"""SpikingJelly's cells with a linear charge."""

from __future__ import annotations

import math

from ranvier.compat.spikingjelly._node import charge, check_above_one, node
from ranvier.neurons import Cell
from ranvier.surrogates import Surrogate
from ranvier.values import Learn

__all__ = ["IFNode", "LIFNode", "ParametricLIFNode"]

Size = int | tuple[int, ...] | None


def IFNode(
    v_threshold: float = 1.0, v_reset: float | None = 0.0, surrogate_function: Surrogate | None = None,
    detach_reset: bool = False, step_mode: str = "s", store_v_seq: bool = False, *, size: Size = None,
) -> Cell:  # fmt: skip
    """The twin of ``IFNode``: v' = v + x, a spike where v >= V_th, then v = v_reset (``None``: v -= V_th).

    v, x, V_th (``v_threshold``), v_reset [1]; x per step. The surrogate is ``Sigmoid(alpha=4)`` and passes the reset, unless
    ``detach_reset``.

    Raises
    ------
    CompatError
        For a surrogate function of torch.

    >>> net = rv.Sequential(rv.Linear(784, 10), rv.compat.spikingjelly.IFNode(v_reset=None), dt=1*ms)
    """
    common = (v_threshold, v_reset, surrogate_function, detach_reset, step_mode, store_v_seq, size)
    return node("IFNode", "v' = v + x : 1", *common, {})


def LIFNode(
    tau: float = 2.0, decay_input: bool = True, v_threshold: float = 1.0, v_reset: float | None = 0.0,
    surrogate_function: Surrogate | None = None, detach_reset: bool = False, step_mode: str = "s",
    store_v_seq: bool = False, *, size: Size = None,
) -> Cell:  # fmt: skip
    """The twin of ``LIFNode``: v' = v + (x - (v - v_reset))/tau, a spike where v >= V_th, then v = v_reset (``None``: v -= V_th).

    Without ``decay_input`` v' = v - (v - v_reset)/tau + x; ``v_reset=None`` leaks to 0. v, x, V_th (``v_threshold``), v_reset [1];
    tau in steps, above 1.

    Raises
    ------
    CompatError
        For tau of at most 1, or with a unit, and for a surrogate function of torch.

    >>> net = rv.Sequential(rv.Linear(784, 10), rv.compat.spikingjelly.LIFNode(tau=2.0), dt=1*ms)
    """
    text = f"v' = {charge('LIFNode', v_reset, decay_input, '/tau')} : 1"
    common = (v_threshold, v_reset, surrogate_function, detach_reset, step_mode, store_v_seq, size)
    return node("LIFNode", text, *common, {"tau": tau})


def ParametricLIFNode(
    init_tau: float = 2.0, decay_input: bool = True, v_threshold: float = 1.0, v_reset: float | None = 0.0,
    surrogate_function: Surrogate | None = None, detach_reset: bool = False, step_mode: str = "s",
    store_v_seq: bool = False, *, size: Size = None,
) -> Cell:  # fmt: skip
    """The twin of ``ParametricLIFNode``: :func:`LIFNode` with 1/tau = sigmoid(w), and w learnt.

    w starts at -ln(init_tau - 1). Source: Fang et al., ICCV 2021.

    Raises
    ------
    CompatError
        For init_tau of at most 1, and for a surrogate function of torch.

    >>> cell = rv.compat.spikingjelly.ParametricLIFNode(init_tau=2.0, size=10)
    """
    check_above_one("ParametricLIFNode", "init_tau", init_tau)
    text = f"v' = {charge('ParametricLIFNode', v_reset, decay_input, '*rate')} : 1\nrate = sigmoid(w) : 1"
    common = (v_threshold, v_reset, surrogate_function, detach_reset, step_mode, store_v_seq, size)
    return node("ParametricLIFNode", text, *common, {"w": Learn(-math.log(init_tau - 1))})
