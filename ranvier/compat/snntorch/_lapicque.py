"""snnTorch's circuit of a resistance and a capacitance."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier.compat.arguments import CompatError, refuse, value
from ranvier.compat.snntorch._options import common
from ranvier.compat.snntorch._reset import membrane
from ranvier.neurons import Cell

__all__ = ["Lapicque"]


def Lapicque(
    beta: Any = False, R: Any = False, C: Any = False, time_step: float = 1, threshold: Any = 1.0, spike_grad: Any = None,
    surrogate_disable: bool = False, init_hidden: bool = False, inhibition: bool = False, learn_beta: bool = False,
    learn_threshold: bool = False, reset_mechanism: str = "subtract", state_quant: bool = False, output: bool = False, *,
    size: int | tuple[int, ...] | None = None,
) -> Cell:  # fmt: skip
    """The twin of ``snntorch.Lapicque``.

    v' = leak*v + gain*x - V_th*s with gain = time_step/C and leak = 1 - time_step/(R*C); s is the spike of the step before. Give
    ``R`` and ``C``, or ``beta`` = exp(-time_step/(R*C)) and at most one of them (R = 1 without).

    v [1] membrane, x [1] input per step, V_th [1] ``threshold``. ``beta`` does not learn: snnTorch reads it once.

    Raises
    ------
    CompatError
        Where R*C cannot be told, and for settings without a counterpart.

    >>> cell = rv.compat.snntorch.Lapicque(R=5.0, C=3e-3, time_step=1e-3, size=10)
    """
    words = common(
        "Lapicque", threshold, spike_grad, learn_threshold, surrogate_disable=surrogate_disable, init_hidden=init_hidden,
        inhibition=inhibition, state_quant=state_quant, output=output,
    )  # fmt: skip
    refuse("Lapicque", {"learn_beta": (learn_beta, False, "snnTorch never reads beta again; learn it in Leaky")})
    resistance, capacitance = _circuit(value(beta), value(R), value(C), value(time_step))
    v = membrane("Lapicque", "leak*v + gain*x", reset_mechanism)
    return Cell(
        f"{v.equations}\nx : 1 (input)", threshold=v.threshold, reset=v.reset, name="lapicque", size=size,
        gain=value(time_step) / capacitance, leak=1 - value(time_step) / (resistance * capacitance), **words,
    )  # fmt: skip


def _circuit(beta: Any, R: Any, C: Any, time_step: Any) -> tuple[Any, Any]:
    """R and C."""
    given = {n: x is not False for n, x in (("beta", beta), ("R", R), ("C", C))}
    if given["R"] and given["C"]:
        if given["beta"]:
            raise CompatError("Lapicque: R and C already determine beta: leave beta out.")
        return R, C
    if not given["beta"]:
        raise CompatError("Lapicque: give R and C, or beta and at most one of them.")
    product = time_step / np.log(1 / np.asarray(beta, float))
    if given["C"]:
        return product / C, C
    return (R, product / R) if given["R"] else (1.0, product)
