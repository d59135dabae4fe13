"""snnTorch's first-order cell."""

from __future__ import annotations

from typing import Any

from ranvier.compat.snntorch._options import common, learnable
from ranvier.compat.snntorch._reset import SPIKED, membrane
from ranvier.neurons import Cell

__all__ = ["Leaky"]


def Leaky(
    beta: Any, threshold: Any = 1.0, spike_grad: Any = None, surrogate_disable: bool = False, init_hidden: bool = False,
    inhibition: bool = False, learn_beta: bool = False, learn_threshold: bool = False, reset_mechanism: str = "subtract",
    state_quant: bool = False, output: bool = False, graded_spikes_factor: float = 1.0,
    learn_graded_spikes_factor: bool = False, reset_delay: bool = True, *, size: int | tuple[int, ...] | None = None,
) -> Cell:  # fmt: skip
    """The twin of ``snntorch.Leaky``.

    v' = beta*v + x - V_th*s, a spike where v > V_th; s is the spike of the step before, without derivative ("subtract"). With
    ``reset_mechanism="zero"`` v' = beta*v*(1 - s) + x, with ``"none"`` v' = beta*v + x. Without ``reset_delay`` the reset acts in
    the step of the spike and passes the surrogate.

    v [1] membrane, x [1] input per step, beta [1] decay of a step (kept within 0 and 1), V_th [1] ``threshold``.

    Raises
    ------
    CompatError
        For settings without a counterpart: ``inhibition``, ``state_quant``, ``surrogate_disable``, graded spikes, functions of torch.

    >>> net = rv.Sequential(rv.Linear(784, 10), rv.compat.snntorch.Leaky(beta=0.9), dt=1*ms)
    """
    words = common(
        "Leaky", threshold, spike_grad, learn_threshold, surrogate_disable=surrogate_disable, init_hidden=init_hidden,
        inhibition=inhibition, state_quant=state_quant, output=output, graded_spikes_factor=graded_spikes_factor,
        learn_graded_spikes_factor=learn_graded_spikes_factor,
    )  # fmt: skip
    v = membrane("Leaky", "decay*v + x", reset_mechanism, reset_delay, f"decay*(1 - {SPIKED})*v + x")
    return Cell(
        f"{v.equations}\ndecay = clip(beta, 0, 1) : 1\nx : 1 (input)",
        threshold=v.threshold, reset=v.reset, name="leaky", size=size,
        beta=learnable("Leaky", "beta", beta, learn_beta), **words,
    )  # fmt: skip
