"""Paths that a gradient may take in the unrolled network: every learning rule is a choice of these."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal, get_args

from ranvier.dynamics._events import conjunction
from ranvier.dynamics._step import Step
from ranvier.dynamics.functions import ge, gt
from ranvier.dynamics.program import Program

__all__ = ["OWN_RESETS", "RESETS", "WHOLE", "Cuts", "Reset", "wrong_reset"]

#: which gradient the reset passes to the spike that caused it
Reset = Literal["auto", "surrogate", "detached", "level", "times"]
RESETS: tuple[str, ...] = get_args(Reset)
#: those that a cell or a network may name; spike times need all cells, so only a call or a rule can ask for them
OWN_RESETS: tuple[str, ...] = RESETS[:-1]


@dataclass(frozen=True)
class Cuts:
    """Paths that are kept (True) or cut.

    Attributes
    ----------
    carry_to_weights
        From a cell's state to its state one step earlier, and from there to its parameters and incoming weights.
    carry_to_upstream
        From a cell's earlier state to the spikes that arrived then. Means nothing where the carry to the weights is cut.
    recurrent_spikes
        Through spikes in a cycle: over a projection with a latency of one step or more whose target also reaches its
        source. Outside cycles a latency is not a path of its own: the error goes back to the step of the spike.
    reset
        Through everything that an event assigns, back to the event. ``"surrogate"``: at every step. ``"detached"``:
        nowhere. ``"level"``: nowhere for the variables compared with the threshold, at every step for the others (an
        adaptation counts its spikes). ``"times"``: spikes pass on the derivative of their time (EventProp), and no
        surrogate is used anywhere. ``"auto"``: for each population what its cell or its network names, else one of
        the first two, see :meth:`of`; the first where the caller does not tell what is read.
    layers
        From one population to the ones before it at all. Where cut, a rule hands every population its error itself.
    """

    carry_to_weights: bool = True
    carry_to_upstream: bool = True
    recurrent_spikes: bool = True
    reset: Reset = "auto"
    layers: bool = True

    @property
    def times(self) -> bool:
        """True where spikes pass on the derivative of their time instead of a surrogate of their size."""
        return self.reset == "times"

    @property
    def split(self) -> bool:
        """True where arrivals have two gradients: one for the weights that carried them, one for the cells before."""
        return self.layers and (self.times or (self.carry_to_weights and not self.carry_to_upstream))

    @property
    def joined(self) -> bool:
        """True where populations can run as one: arrivals have one gradient, and it goes on to the cells before."""
        return self.layers and not self.split and not self.times

    @property
    def instant(self) -> Cuts:
        """The same without any carry: the gradient within one step."""
        return replace(self, carry_to_weights=False, carry_to_upstream=False)

    def of(self, spikes: bool, chosen: Reset = "auto") -> Cuts:
        """These cuts for one population, where ``"auto"`` is the word that was ``chosen`` for it.

        Where that is ``"auto"`` too, ``spikes`` decides: whether others read its spikes.

        Spikes have no derivative, so a reader of spikes needs the surrogate, also in the reset: a spike now prevents a
        spike a step later. A variable has a derivative, and a surrogate in the reset would falsify it even where the cell
        is silent.
        """
        if self.reset != "auto":
            return self
        return _decided(self, ("surrogate" if spikes else "detached") if chosen == "auto" else chosen)

    def apply(self, step: Step) -> Program:
        """The program of ``step`` whose resets pass the gradient that these cuts keep."""
        if self.reset == "detached":
            sent = step.system.sent
            return step.program.cut_resets(frozenset(step.states) - sent if sent else None)
        return step.program.cut_resets(_level(step)) if self.reset == "level" else step.program


@lru_cache(maxsize=64)
def _decided(cuts: Cuts, reset: Reset) -> Cuts:
    return replace(cuts, reset=reset)


def wrong_reset(value: Any, allowed: tuple[str, ...] = RESETS, word: str = "reset") -> str | None:
    """The error text for ``reset=value``, or for another ``word``; None where it is one of the ``allowed``."""
    if isinstance(value, str) and value in allowed:
        return None
    return f"{word}={value!r} must be {', '.join(map(repr, allowed[:-1]))} or {allowed[-1]!r}."


def _level(step: Step) -> frozenset[str]:
    """States on the left side of the first comparison of the spike's condition."""
    condition = next((e.condition for e in step.system.events if e.name == "spike"), None)
    terms = [] if condition is None else [t for t in conjunction(condition) if isinstance(t, gt | ge)]
    return frozenset(str(s) for s in terms[0].args[0].free_symbols) & set(step.states) if terms else frozenset()


#: nothing is cut: backpropagation through time
WHOLE = Cuts()
