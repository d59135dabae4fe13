"""snnTorch's cell whose membrane follows an alpha function."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier.compat.arguments import CompatError, one_of, value
from ranvier.compat.snntorch._options import common, learnable
from ranvier.compat.snntorch._reset import SPIKED
from ranvier.neurons import Cell

__all__ = ["Alpha"]

_PLAIN = ("a*e + x", "b*n - x", "tau*(a*e + b*n)")
_RESETS = {
    "none": _PLAIN,
    "zero": tuple(f"(1 - {SPIKED})*({e})" for e in _PLAIN),
    "subtract": (f"a*e + x - V_th*{SPIKED}", f"(1 - {SPIKED})*(b*n - x)", f"tau*(a*e + b*n) + {SPIKED}*n"),
}


def Alpha(
    alpha: Any, beta: Any, threshold: Any = 1.0, spike_grad: Any = None, surrogate_disable: bool = False,
    init_hidden: bool = False, inhibition: bool = False, learn_alpha: bool = False, learn_beta: bool = False,
    learn_threshold: bool = False, reset_mechanism: str = "zero", state_quant: bool = False, output: bool = False, *,
    size: int | tuple[int, ...] | None = None,
) -> Cell:  # fmt: skip
    """The twin of ``snntorch.Alpha``.

    e' = alpha*e + x, n' = beta*n - x, v' = tau*(e' + n') with tau = ln(alpha)/(ln(beta) - ln(alpha)) + 1, a spike where v > V_th.
    In the step after a spike all three are 0 (``"zero"``), or as snnTorch has it: V_th less in e, n at 0, the old n more in v
    (``"subtract"``).

    v [1] membrane, e and n [1] currents, x [1] input per step, alpha above beta [1] decays of a step, V_th [1] ``threshold``.

    Raises
    ------
    CompatError
        Where alpha is not above beta, and for settings without a counterpart.

    >>> cell = rv.compat.snntorch.Alpha(alpha=0.9, beta=0.8, size=10)
    """
    words = common(
        "Alpha", threshold, spike_grad, learn_threshold, surrogate_disable=surrogate_disable, init_hidden=init_hidden,
        inhibition=inhibition, state_quant=state_quant, output=output,
    )  # fmt: skip
    slow, fast = value(alpha), value(beta)
    if not np.all(np.asarray(slow, float) > np.asarray(fast, float)) or np.any(np.asarray(fast, float) <= 0):
        raise CompatError(f"Alpha: alpha={alpha!r} must be above beta={beta!r}, and beta above 0.")
    e, n, v = _RESETS[one_of("Alpha", "reset_mechanism", reset_mechanism, tuple(_RESETS))]
    return Cell(
        f"""
        e' = {e} : 1
        n' = {n} : 1
        v' = {v} : 1
        tau = log(a)/(log(b) - log(a)) + 1 : 1
        a = clip(alpha, 0, 1) : 1
        b = clip(beta, 0, 1) : 1
        x : 1 (input)
        """,
        threshold="v > V_th", name="alpha", size=size, alpha=learnable("Alpha", "alpha", slow, learn_alpha),
        beta=learnable("Alpha", "beta", fast, learn_beta), **words,
    )  # fmt: skip
