"""Short-term plasticity: synapses that tire and recover."""

from __future__ import annotations

from typing import Any

from ranvier.synapses._plasticity import Plasticity
from ranvier.synapses.ranges import require
from ranvier.units import ms

__all__ = ["TsodyksMarkram"]


def TsodyksMarkram(*, U: Any = 0.5, tau_rec: Any = 800 * ms, tau_facil: Any = None) -> Plasticity:
    """A spike uses up a part of the resources x that are there, and may make the next one use more.

    dx/dt = (1 - x)/tau_rec, du/dt = -u/tau_facil; at an input spike u += U*(1 - u), then w*u*x is delivered, then
    x -= u*x. Without facilitation u = U at every spike.

    Parameters
    ----------
    U
        Part of the resources that a spike uses after long rest [1].
    tau_rec
        How fast resources recover [ms].
    tau_facil
        How long facilitation lasts [ms]; None for a synapse that only depresses.

    Values may differ between synapses; where they do not, all synapses of one presynaptic cell and one delay go through
    the same states. Defaults: excitatory to excitatory; to inhibitory cells U=0.04, tau_rec=100*ms, tau_facil=1000*ms.

    Source: Tsodyks, Pawelzik & Markram, Neural Computation 1998; values: Tsodyks, Uziel & Markram, Journal of
    Neuroscience 2000.

    >>> names = net.connect("exc", "inh", rv.FixedProbability(0.1), to="I", weight=0.1*nA,
    ...                     plasticity=rv.TsodyksMarkram(U=0.04, tau_rec=100*ms, tau_facil=1000*ms))
    """
    name = "TsodyksMarkram"
    require(name, 0, 1, U=U)
    if tau_facil is None:
        return Plasticity(
            "dx/dt = (1 - x)/tau_rec : 1", on_pre="sent = sent*U*x; x -= U*x", name=name, U=U, tau_rec=tau_rec, x=1.0
        )
    return Plasticity(
        "dx/dt = (1 - x)/tau_rec : 1\ndu/dt = -u/tau_facil : 1",
        on_pre="u += U*(1 - u); sent = sent*u*x; x -= u*x",
        name=name, U=U, tau_rec=tau_rec, tau_facil=tau_facil, x=1.0,
    )  # fmt: skip
