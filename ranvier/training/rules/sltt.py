"""Spatial learning through time: no path over time is differentiated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ranvier.dynamics import Cuts, Reset
from ranvier.network import Network
from ranvier.training._criterion import hidden_of
from ranvier.training.batches import Signal
from ranvier.training.rules._chosen_steps import at_chosen_steps
from ranvier.training.rules._criterion import Criterion
from ranvier.training.rules._reach import reach_back
from ranvier.training.rules._refuse import check_reset, refuse_plastic, refuse_starts, whole_number
from ranvier.training.rules._rule import Outcome, Rule
from ranvier.training.rules._windows import in_windows
from ranvier.training.rules.series import Series

__all__ = ["SLTT"]

#: no gradient runs along time
INSTANT = Cuts(carry_to_weights=False, carry_to_upstream=False, recurrent_spikes=False)


@dataclass(frozen=True)
class SLTT(Rule):
    """BPTT without its paths over time: dL/dW = sum over t of (dL/du[t]) x[t], errors going back through space alone.

    u[t] is what the cells compare at step t, x[t] what arrives; dL/du[t] counts the outputs of step t only.

    Parameters
    ----------
    keep
        SLTT-K: differentiate only this many steps, chosen anew for every batch at random (torch's generator); the
        gradient is scaled by T/keep, so that its mean over choices is that of all steps. The others are only run.
    window
        Steps per graph. The gradient does not depend on it; memory grows with it, speed too up to a point.
    reset
        Which gradient the reset passes, as in :class:`BPTT`; it matters only where an output is read after the reset.

    A loss that is a mean over steps takes one pass, any other two. Outside cycles, a delay passes the error back to the step
    in which the cell fired; spikes in a cycle carry no error. Source: Meng et al., ICCV 2023.

    Raises
    ------
    TrainingError
        Where the network has plastic synapses, a learnable initial value, or a part that learns and reaches the output only
        through a cycle.

    >>> fit = rv.train(net, data, epochs=10, rule=rv.rules.SLTT(keep=25), loss=rv.losses.EveryStep())
    """

    keep: int | None = None
    window: int = 25
    reset: Reset = "auto"

    def __post_init__(self) -> None:
        check_reset(self.reset, "SLTT")
        whole_number(self.window, "SLTT", "window")
        if self.keep is not None:
            whole_number(self.keep, "SLTT", "keep")

    @property
    def regularizable_per_step(self) -> bool:
        """True without ``keep``."""
        return self.keep is None

    @property
    def mixes(self) -> bool:
        """True."""
        return True

    def arguments(self) -> dict[str, Any]:
        """The arguments of a call of the network under this rule."""
        return {"window": self.window, "reset": self.reset}

    def gradient(self, net: Network, x: Signal, criterion: Criterion) -> Outcome:
        """Run a batch ``x`` [T, B, …] from a fresh state and add to ``.grad`` of every parameter."""
        refuse_plastic(net, "SLTT")
        refuse_starts(net, "SLTT")
        record = hidden_of(criterion)
        cuts, back = replace(INSTANT, reset=self.reset), reach_back(net, "SLTT", {*net.outputs, *record})
        if self.keep is None:
            return in_windows(net, lambda: Series(net, x, self.window, cuts, record=record, back=back), criterion)
        return at_chosen_steps(net, x, criterion, self.keep, self.window, cuts, back)
