"""snnTorch's second-order cell."""

from __future__ import annotations

from typing import Any

from ranvier.compat.snntorch._options import common, learnable
from ranvier.compat.snntorch._reset import membrane
from ranvier.neurons import Cell

__all__ = ["Synaptic"]


def Synaptic(
    alpha: Any, beta: Any, threshold: Any = 1.0, spike_grad: Any = None, surrogate_disable: bool = False,
    init_hidden: bool = False, inhibition: bool = False, learn_alpha: bool = False, learn_beta: bool = False,
    learn_threshold: bool = False, reset_mechanism: str = "subtract", state_quant: bool = False, output: bool = False,
    reset_delay: bool = True, *, size: int | tuple[int, ...] | None = None,
) -> Cell:  # fmt: skip
    """The twin of ``snntorch.Synaptic``.

    i' = alpha*i + x, v' = beta*v + i' - V_th*s, a spike where v > V_th; s is the spike of the step before, without derivative.
    With ``reset_mechanism="zero"`` v' = (1 - s)*(beta*v + i').

    v [1] membrane, i [1] synaptic current, x [1] input per step, alpha, beta [1] decays of a step, V_th [1] ``threshold``.

    Raises
    ------
    CompatError
        For settings without a counterpart.

    >>> cell = rv.compat.snntorch.Synaptic(alpha=0.8, beta=0.9, size=10)
    """
    words = common(
        "Synaptic", threshold, spike_grad, learn_threshold, surrogate_disable=surrogate_disable, init_hidden=init_hidden,
        inhibition=inhibition, state_quant=state_quant, output=output,
    )  # fmt: skip
    v = membrane("Synaptic", "decay_v*v + decay_i*i + x", reset_mechanism, reset_delay)
    return Cell(
        f"i' = decay_i*i + x : 1\n{v.equations}\ndecay_i = clip(alpha, 0, 1) : 1\ndecay_v = clip(beta, 0, 1) : 1\nx : 1 (input)",
        threshold=v.threshold, reset=v.reset, name="synaptic", size=size,
        alpha=learnable("Synaptic", "alpha", alpha, learn_alpha),
        beta=learnable("Synaptic", "beta", beta, learn_beta), **words,
    )  # fmt: skip
