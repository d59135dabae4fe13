"""Three factors: spikes at both ends leave a mark, and a modulator that comes later turns it into weight."""

from __future__ import annotations

from typing import Any

from ranvier.neurons import Part
from ranvier.plasticity._stdp import say_sign
from ranvier.synapses import Plasticity
from ranvier.synapses.ranges import require
from ranvier.units import as_quantity, ms, second

__all__ = ["DopamineSTDP", "Modulator"]


def Modulator(port: str = "dopamine", *, tau: Any = 200 * ms) -> Part:
    """A concentration around the cell: arrivals raise it by their weight, and it decays.

    dport/dt = -port/tau, in Hz: how fast eligibility becomes weight. Let a population or a source project to it.

    Parameters
    ----------
    port
        Its name.
    tau
        How long it lasts [ms]; a parameter called ``tau_<port>``.

    Source: Izhikevich, Cerebral Cortex 2007.

    >>> cell = rv.Izhikevich() + rv.plasticity.Modulator()
    """
    return Part(f"d{port}/dt = -{port}/tau_{port} : Hz", **{f"tau_{port}": tau})


def DopamineSTDP(
    *, A_plus: Any = 0.01, A_minus: Any = -0.0105, w_max: Any = 1.0, tau_plus: Any = 20 * ms, tau_minus: Any = 20 * ms,
    tau_c: Any = 1 * second, modulator: str = "dopamine",
) -> Plasticity:  # fmt: skip
    """STDP into an eligibility trace, which becomes weight as far as a modulator is there.

    dw/dt = c*d, dc/dt = -c/tau_c with d the concentration at the target cell (:func:`Modulator`); at an input spike
    c += x_minus, at an output spike c += x_plus, with the traces of :func:`STDP`; w is clipped to [0, w_max].

    Parameters
    ----------
    A_plus, A_minus, w_max
        As for :func:`STDP`.
    tau_plus, tau_minus, tau_c
        How long the traces and the eligibility last [ms].
    modulator
        The variable of the target cell that is the concentration [Hz].

    Source: Izhikevich, Cerebral Cortex 2007.

    >>> cell = rv.LIF() + rv.Exponential("x", tau=5*ms) + rv.plasticity.Modulator()
    >>> learner = net.population("learner", 10, cell)
    >>> reward = net.source("reward", rv.SpikeTrains([50]*ms, [0], 1))
    >>> names = net.connect("reward", "learner", rv.AllToAll(), to="dopamine", weight=5*Hz)
    >>> names = net.connect("input", "learner", rv.AllToAll(), to="x", weight=0.5, plasticity=rv.plasticity.DopamineSTDP())
    """
    unit = as_quantity(A_plus).dimension
    require("DopamineSTDP", 0, w_max=w_max)
    say_sign("DopamineSTDP", A_plus, A_minus)
    return Plasticity(
        f"""
        dx_plus/dt = -x_plus/tau_plus : {unit}
        dx_minus/dt = -x_minus/tau_minus : {unit}
        dc/dt = -c/tau_c : {unit}
        """,
        on_pre="x_plus += A_plus; c += x_minus",
        on_post="x_minus += A_minus; c += x_plus",
        every_step=f"w = clip(w + dt*c*{modulator}_post, 0, w_max)",
        name="DopamineSTDP", A_plus=A_plus, A_minus=A_minus, w_max=w_max, tau_plus=tau_plus, tau_minus=tau_minus, tau_c=tau_c,
    )  # fmt: skip
