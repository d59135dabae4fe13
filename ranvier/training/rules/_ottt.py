"""Online training through time: presynaptic traces times the errors of the moment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ranvier.dynamics import Cuts, Reset
from ranvier.network import Network
from ranvier.training._criterion import hidden_of
from ranvier.training.batches import Signal
from ranvier.training.rules._criterion import Criterion
from ranvier.training.rules._eligibility import Eligibility
from ranvier.training.rules._reach import reach_back
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
from ranvier.training.rules._windows import in_windows
from ranvier.training.rules.series import Series

__all__ = ["OTTT"]

#: the membrane remembers for its own weights only
ONLINE = Cuts(carry_to_weights=True, carry_to_upstream=False, recurrent_spikes=False, reset="detached")


@dataclass(frozen=True)
class OTTT(Rule):
    """Gradient dL/dW = sum over t of (dL/du[t]) a[t], with a[t] = beta a[t-1] + x[t] the trace of what arrived.

    dL/du[t] goes back from the outputs of step t through space, as in SLTT; the trace is what a membrane with decay
    beta still holds of the spikes x. Resets pass no gradient. Where a cell answers differently at different times or
    from cell to cell (refractoriness, a tau per cell), every synapse has a trace of its own, from the cell's program.

    Parameters
    ----------
    window
        Steps per graph. The gradient does not depend on it.
    reset
        Which gradient the reset passes, as in :class:`BPTT`. By the definition none does; any other choice gives every
        synapse a trace of its own.

    Gradients of all steps are added up (OTTT_A); for an update at every step (OTTT_O) train on series of one step with
    the state passed on. A loss that is a mean over steps takes one pass, any other two. Outside cycles, a delay
    passes the error back to the step in which the cell fired; spikes in a cycle carry no error. Norms and dropout within a
    projection are refused. Source: Xiao et al., NeurIPS 2022.

    Raises
    ------
    TrainingError
        Where a part of the network stands in the way.

    >>> fit = rv.train(net, data, epochs=10, rule=rv.rules.OTTT(), loss=rv.losses.EveryStep())
    """

    window: int = 25
    reset: Reset = "detached"

    def __post_init__(self) -> None:
        check_reset(self.reset, "OTTT")
        whole_number(self.window, "OTTT", "window")

    @property
    def regularizable_per_step(self) -> bool:
        """True."""
        return True

    def arguments(self) -> dict[str, Any]:
        """The arguments of a call of the network under this rule."""
        return {"window": self.window, "reset": self.reset}

    def gradient(self, net: Network, x: Signal, criterion: Criterion) -> Outcome:
        """Run a batch ``x`` [T, B, …] from a fresh state and add to ``.grad`` of every parameter."""
        refuse_half(net, "OTTT")
        refuse_hooks(net, "OTTT")
        refuse_plastic(net, "OTTT")
        refuse_membrane_norms(net, "OTTT")
        refuse_starts(net, "OTTT")

        def follow(series: Series) -> Eligibility:
            return Eligibility(series, "OTTT", net.populations)

        record = hidden_of(criterion)
        cuts, back = replace(ONLINE, reset=self.reset), reach_back(net, "OTTT", {*net.outputs, *record})
        make = partial(Series, net, x, self.window, cuts, leaves=True, record=record, back=back)
        return in_windows(net, make, criterion, follow)
