"""Which paths of the unrolled network a gradient may take: every learning rule is a choice of these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ranvier.dynamics._functions import ge, gt
from ranvier.dynamics._program import Program
from ranvier.dynamics._step import Step, conjunction

__all__ = ["WHOLE", "Cuts"]


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
        Through spikes that arrive at a later step than they were fired in (latency of one step or more).
    reset
        Through the reset to the spike that caused it; ``"level"`` cuts it for the variables compared with the threshold
        and keeps it for the others (an adaptation counts its spikes).
    layers
        From one population to the ones before it at all. Where cut, a rule hands every population its error itself.
    times
        Spikes pass on the derivative of their time (EventProp) instead of a surrogate of their size.
    """

    carry_to_weights: bool = True
    carry_to_upstream: bool = True
    recurrent_spikes: bool = True
    reset: bool | Literal["level"] = True
    layers: bool = True
    times: bool = False

    @property
    def split(self) -> bool:
        """True where what arrives has two gradients: one for the weights that carried it, one for the cells before."""
        return self.layers and (self.times or (self.carry_to_weights and not self.carry_to_upstream))

    @property
    def joined(self) -> bool:
        """True where populations can run as one: what arrives has one gradient, and it goes on to the cells before."""
        return self.layers and not self.split and not self.times

    @property
    def instant(self) -> Cuts:
        """The same without any carry: what is left of the gradient within one step."""
        return Cuts(False, False, self.recurrent_spikes, self.reset, self.layers)

    def apply(self, step: Step) -> Program:
        """The program of ``step`` whose resets pass the gradient that these cuts keep."""
        if self.reset is True:
            return step.program
        if self.reset is False:
            return step.program.cut_resets()
        return step.program.cut_resets(_level(step))


def _level(step: Step) -> frozenset[str]:
    """States on the left side of the first comparison of the spike's condition."""
    condition = next((e.condition for e in step.system.events if e.name == "spike"), None)
    terms = [] if condition is None else [t for t in conjunction(condition) if isinstance(t, gt | ge)]
    return frozenset(str(s) for s in terms[0].args[0].free_symbols) & set(step.states) if terms else frozenset()


#: nothing is cut: backpropagation through time
WHOLE = Cuts()
