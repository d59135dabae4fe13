"""Backpropagation through time: whole, truncated, or with checkpoints in time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from ranvier.dynamics import Cuts, Reset
from ranvier.errors import TrainingError
from ranvier.network import Network, own_precision
from ranvier.training._criterion import asked_of, hidden_of, judge, lengths_of
from ranvier.training._signals import run
from ranvier.training.batches import Signal
from ranvier.training.rules._criterion import Criterion
from ranvier.training.rules._refuse import check_reset, learnt_starts
from ranvier.training.rules._rule import Outcome, Rule
from ranvier.training.rules._windows import in_windows
from ranvier.training.rules.series import Series
from ranvier.values import is_whole

__all__ = ["BPTT"]


@dataclass(frozen=True)
class BPTT(Rule):
    """Backpropagation through time with surrogate gradients at the spikes.

    Parameters
    ----------
    window
        Truncate: the gradient stops at the borders of windows of this many steps. Memory is that of one
        window, however long the series. A loss that is a mean over steps is differentiated as windows go by; for any
        other the series is run twice, first for the output and then for its gradient.
    checkpoint
        Keep the state every this many steps and compute what lies between again in the backward pass: the full gradient
        with less memory (least near the square root of T) for one more forward pass.
    reset
        Which gradient a reset passes to its spike: ``"surrogate"``, that of the spike; ``"detached"``, none (Zenke &
        Vogels, Neural Computation 2021); ``"level"``, none to what the threshold compares. ``"auto"`` takes the surrogate
        where spikes of a population are read, and detaches where its variables are read.

    Source: Werbos, Proceedings of the IEEE 1990; Williams & Peng, Neural Computation 1990 (truncation);
    Neftci, Mostafa & Zenke, IEEE Signal Processing Magazine 2019 (surrogates).

    >>> fit = rv.train(net, data, epochs=10, rule=rv.rules.BPTT(checkpoint=50))
    """

    window: int | None = None
    checkpoint: int | None = None
    reset: Reset = "auto"

    def __post_init__(self) -> None:
        check_reset(self.reset, "BPTT")
        for name in ("window", "checkpoint"):
            value = getattr(self, name)
            if value is not None and not is_whole(value):
                raise TrainingError(f"BPTT: {name}={value!r} must be a positive whole number of steps, or None.")
        if self.window and self.checkpoint:
            raise TrainingError(
                f"BPTT: window={self.window} and checkpoint={self.checkpoint} exclude each other: a window keeps no "
                f"more than its own steps; leave one out."
            )

    @property
    def regularizable(self) -> bool:
        """True where all steps are differentiated together."""
        return self.window is None

    @property
    def regularizable_per_step(self) -> bool:
        """True."""
        return True

    @property
    def mixes(self) -> bool:
        """True."""
        return True

    def arguments(self) -> dict[str, Any]:
        """The arguments of a call of the network under this rule."""
        return {"window": self.window, "checkpoint": self.checkpoint, "reset": self.reset}

    def gradient(self, net: Network, x: Signal, criterion: Criterion) -> Outcome:
        """Run a batch ``x`` [T, B, …] from a fresh state and add to ``.grad`` of every parameter."""
        if self.window:
            cuts, record = Cuts(reset=self.reset), hidden_of(criterion)
            series = partial(Series, net, x, self.window, cuts, attached=bool(learnt_starts(net)), record=record)
            return in_windows(net, series, criterion)
        signals = run(net, x, asked=asked_of(criterion), lengths=lengths_of(criterion), **self.arguments())
        loss = judge(criterion, signals.out, signals.hidden)
        with own_precision():
            loss.backward()
        out = {n: o.detach() for n, o in signals.outputs.items()}
        spikes = {n: s.sum((0, 1)) for n, s in signals.spikes.items()}
        return Outcome(next(iter(out.values())) if len(out) == 1 else out, loss.detach(), spikes)
