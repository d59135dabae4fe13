"""Eligibility propagation: what every synapse remembers, times an error broadcast from the outputs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import torch

from ranvier.dynamics import Cuts, Reset
from ranvier.errors import TrainingError
from ranvier.network import Network
from ranvier.training.batches import Signal
from ranvier.training.rules._criterion import Criterion
from ranvier.training.rules._eligibility import Eligibility
from ranvier.training.rules._outputs import OutputErrors
from ranvier.training.rules._refuse import (
    check_reset,
    refuse_half,
    refuse_hooks,
    refuse_membrane_norms,
    refuse_plastic,
    refuse_starts,
    whole_number,
)
from ranvier.training.rules._rule import Outcome, Rule
from ranvier.training.rules.feedback import Feedback
from ranvier.training.rules.series import Series

__all__ = ["EProp"]

#: cells remember; spikes carry no gradient to other cells, nor into the reset of what is compared with the threshold
LOCAL = Cuts(carry_to_upstream=False, recurrent_spikes=False, reset="level", layers=False)


@dataclass(frozen=True)
class EProp(Rule):
    """Gradient dL/dW_ji = sum over t of L_j[t] e_ji[t]: eligibility traces times learning signals.

    e_ji[t] = (dz_j/ds_j) eps_ji[t] and eps_ji[t] = (ds_j[t]/ds_j[t-1]) eps_ji[t-1] + ds_j[t]/dW_ji, with s_j all
    variables of cell j (of an adaptive cell, membrane and adaptation), derived from the cell's program. The reset of
    the membrane passes no gradient, that of an adaptation does. L_j[t] = sum over k of B_jk dL/dy_k[t], where y_k is
    what arrives at output k: the leak of the read-out (the kappa filter) is in dL/dy_k.

    Parameters
    ----------
    feedback
        B: ``"symmetric"`` the output weights themselves; ``"random"`` fixed numbers, to every hidden population;
        ``"adaptive"`` numbers that share every change of the output weights while their difference decays.
    decay
        Of that difference per update.
    seed
        Of the random numbers.
    window
        Steps per graph. The gradient does not depend on it.
    reset
        Which gradient the reset passes, as in :class:`BPTT`; ``"level"`` is the definition.

    A spike that reaches the output L steps later receives the error of that step, dL/dy_k[t + L]; with random feedback L is the
    least latency from the cell to the output. Two passes: the first gives the errors of the outputs, whatever the loss, the second
    the gradient; memory beyond one window is that of the outputs [T, B, C]. Norms, dropout, and convolutions onto cells other than
    plain LIF are refused. Source: Bellec et al., Nature Communications 2020.

    Raises
    ------
    TrainingError
        Where a part of the network stands in the way.

    >>> fit = rv.train(net, data, epochs=10, rule=rv.rules.EProp(feedback="random"))
    """

    feedback: Literal["symmetric", "random", "adaptive"] = "symmetric"
    decay: float = 1e-2
    seed: int = 0
    window: int = 25
    reset: Reset = "level"

    def __post_init__(self) -> None:
        check_reset(self.reset, "EProp")
        whole_number(self.window, "EProp", "window")
        if self.feedback not in ("symmetric", "random", "adaptive"):
            raise TrainingError(f"EProp: feedback={self.feedback!r} must be 'symmetric', 'random' or 'adaptive'.")
        if not 0 <= self.decay < 1:
            raise TrainingError(f"EProp: decay={self.decay!r} must be at least 0 and below 1.")

    def arguments(self) -> dict[str, Any]:
        """The arguments of a call of the network under this rule."""
        return {"window": self.window, "reset": self.reset}

    def gradient(self, net: Network, x: Signal, criterion: Criterion) -> Outcome:
        """Run a batch ``x`` [T, B, …] from a fresh state and add to ``.grad`` of every parameter."""
        refuse_half(net, "EProp")
        refuse_hooks(net, "EProp")
        refuse_plastic(net, "EProp")
        refuse_membrane_norms(net, "EProp")
        refuse_starts(net, "EProp")
        broadcast = Feedback(net, self.feedback, self.decay, self.seed, getattr(criterion, "update", 0))
        cuts = replace(LOCAL, reset=self.reset)
        errors = OutputErrors(net, lambda: Series(net, x, self.window, cuts, leaves=True), criterion)
        series = errors.series
        eligibility = Eligibility(series, "EProp", broadcast.hidden)
        for block in series.blocks():
            eligibility.look(block)
            pairs = broadcast.signals(block, errors.of(block, broadcast.later)) + errors.pairs(block)
            torch.autograd.backward([t for t, _ in pairs], [g for _, g in pairs])
            eligibility.correct(block)
            errors.done(block)
            del block, pairs
        series.finish()
        return errors.outcome
