"""Learning spike times from a teacher."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier.errors import EquationError
from ranvier.neurons import Part
from ranvier.synapses import Plasticity
from ranvier.units import as_quantity, ms

__all__ = ["ReSuMe", "Teacher"]


def Teacher(port: str = "teach") -> Part:
    """A port for what a teacher says; the variable ``<port>_seen`` holds it for the following step, where rules read it.

    A teacher's spike that arrives in step n counts like an output spike fired in step n.

    Parameters
    ----------
    port
        Name of the new input [1].

    Source: Ponulak & Kasiński, Neural Computation 2010 (the teacher signal).

    >>> cell = rv.LIF() + rv.plasticity.Teacher()
    """
    return Part(f"{port}_seen' = {port} : 1\n{port} : 1 (input)")


def ReSuMe(
    *, eta: Any = 0.01, a: Any = 0.1, tau: Any = 7 * ms, w_min: Any = -1.0, w_max: Any = 1.0, teacher: str = "teach"
) -> Plasticity:
    """Supervised: inputs shortly before a desired spike grow, those before an actual one shrink, and both cancel when right.

    At a desired spike w += eta*(a + x), at an output spike w -= eta*(a + x), clipped to [w_min, w_max]; the trace x grows
    by 1 at input spikes and decays with tau. The cell needs a :func:`Teacher`.

    Parameters
    ----------
    eta, w_min, w_max
        Size of one change and bounds, in the unit of the weight.
    a
        The part of a change that does not ask when the input came [1].
    tau
        How long an input spike counts [ms].
    teacher
        The port of the target cell where desired spikes arrive, with weight 1.

    Source: Ponulak & Kasiński, Neural Computation 2010.

    >>> cell = rv.LIF(tau=10*ms) + rv.Exponential("x", tau=2*ms) + rv.plasticity.Teacher()
    >>> learner = net.population("learner", 1, cell)
    >>> desired = net.source("desired", rv.SpikeTrains([50]*ms, [0], 1))
    >>> names = net.connect("desired", "learner", rv.OneToOne(), to="teach", weight=1)
    >>> names = net.connect("input", "learner", rv.AllToAll(), to="x", weight=0.1, plasticity=rv.plasticity.ReSuMe())
    """
    low, high = (as_quantity(bound) for bound in (w_min, w_max))
    if low.dimension == high.dimension and not np.all(np.asarray(low.value) <= np.asarray(high.value)):
        raise EquationError(f"ReSuMe: w_min={w_min!r} exceeds w_max={w_max!r}; swap them.", line="ReSuMe")
    return Plasticity(
        "dx/dt = -x/tau : 1",
        on_pre="x += 1",
        on_post="w = clip(w - eta*(a + x), w_min, w_max)",
        every_step=f"w = clip(w + {teacher}_seen_post*eta*(a + x), w_min, w_max)",
        name="ReSuMe", eta=eta, a=a, tau=tau, w_min=w_min, w_max=w_max,
    )  # fmt: skip
