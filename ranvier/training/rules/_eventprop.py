"""EventProp: the exact gradient of spike times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from ranvier.dynamics import Cuts
from ranvier.errors import TrainingError
from ranvier.network import Network
from ranvier.network.run.resets import without_times
from ranvier.training._criterion import lengths_of
from ranvier.training.batches import Signal, steps_of
from ranvier.training.rules._criterion import Criterion
from ranvier.training.rules._refuse import (
    learns,
    refuse_half,
    refuse_hooks,
    refuse_membrane_norms,
    refuse_plastic,
    upstream_of,
)
from ranvier.training.rules._rule import Outcome, Rule
from ranvier.training.rules._windows import Tally, one
from ranvier.training.rules.series import Series

__all__ = ["EventProp"]

#: spikes carry their time
TIMES = Cuts(reset="times")


@dataclass(frozen=True)
class EventProp(Rule):
    """The gradient of the continuous equations dx/dt = f(x) through the times of their spikes; no surrogate.

    Between spikes the adjoint is that of the step's program. At a spike dt_s = -dphi/(dphi/dt), where phi is the level
    minus the threshold; then dx+ = Dh dx- + (Dh f(x-) - f(x+)) dt_s, where h is the reset, and where the spike arrives
    with a jump w of state s, dx = -(df/ds) w dt_s. Spikes stay on the grid, their times are read off the straight line
    through the levels before and after a step: the gradient is that of the continuous equations up to a term of order
    dt. A spike that comes or goes has no derivative: a silent cell learns nothing.

    For cells written as differential equations with arrivals on a state (a synaptic current) that is not itself
    compared with the threshold, such as ``rv.CurrentLIF(refractory=None)``; delays, recurrent projections and read-outs
    of a membrane included. Noise must leave spike times a derivative, as in ``rv.StochasticLIF``. The gradient that a loss
    gives to an output spike is taken for one by its time in ms: use ``rv.losses.TimeToFirstSpike``, or a membrane.

    Source: Wunderlich & Pehl, Scientific Reports 2021; with noise, Holberg & Salvi, NeurIPS 2024.

    Raises
    ------
    TrainingError
        Where a part of the network stands in the way.

    >>> net = rv.Network(dt=1*ms)
    >>> x, out = net.input("x", 20), net.population("out", 3, rv.CurrentLIF(V_th=-64*mV, refractory=None), output=True)
    >>> names = net.connect(x, out, rv.Linear(20, 3), to="I")
    >>> fit = rv.train(net, data, epochs=10, rule=rv.rules.EventProp(), loss=rv.losses.TimeToFirstSpike(dt=1*ms))
    """

    def arguments(self) -> dict[str, Any]:
        """The arguments of a call of the network under this rule."""
        return {}

    def gradient(self, net: Network, x: Signal, criterion: Criterion) -> Outcome:
        """Run a batch ``x`` [T, B, …] from a fresh state and add to ``.grad`` of every parameter."""
        refuse_half(net, "EventProp")
        refuse_hooks(net, "EventProp")
        refuse_plastic(net, "EventProp")
        refuse_membrane_norms(net, "EventProp")
        for name in net.populations:
            _check_cell(net, name)
        for p in net.projections.values():
            if p.transform.delay is not None:
                raise TrainingError(
                    f"EventProp moves the times of spikes, not delays: {p.name!r} has learnable ones; fix them, or use "
                    f"rv.rules.BPTT()."
                )
        steps = steps_of(x)
        series, tally = Series(net, x, max(steps, 1), TIMES, attached=True), Tally(steps, lengths_of(criterion))
        loss = torch.zeros(())
        for block in series.blocks():
            loss = criterion(one(block.outputs))
            if loss.requires_grad:
                loss.backward()
            tally.add(block)
        series.finish()
        return tally.outcome(loss)


def _check_cell(net: Network, name: str) -> None:
    """Raise where the continuous equations of a cell are not known, or have no derivative by times."""
    learnt = any(learns(q) for n in upstream_of(net, name) for q in net.projections.values() if q.post == n)
    trouble = without_times(net.graph, name, "EventProp", "use rv.rules.BPTT()") if learnt else None
    if trouble:
        raise TrainingError(trouble)
