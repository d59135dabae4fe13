"""STDP whose changes depend on the weight itself."""

from __future__ import annotations

from typing import Any

from ranvier.synapses import Plasticity
from ranvier.synapses.ranges import require
from ranvier.units import ms

__all__ = ["MultiplicativeSTDP", "PowerLawSTDP"]


def PowerLawSTDP(
    *, rate: Any = 0.005, alpha: Any = 1.05, mu_plus: Any = 0.02, mu_minus: Any = 0.02, w_max: Any = 1.0,
    tau_plus: Any = 20 * ms, tau_minus: Any = 20 * ms,
) -> Plasticity:  # fmt: skip
    """Pair STDP between additive (mu = 0) and multiplicative (mu = 1).

    At an input spike w -= w_max*rate*alpha*(w/w_max)**mu_minus*x_minus, at an output spike
    w += w_max*rate*(1 - w/w_max)**mu_plus*x_plus, both clipped to [0, w_max]; x_plus and x_minus are traces of input and
    output spikes that grow by 1 and decay with tau_plus and tau_minus. All pairs count.

    Parameters
    ----------
    rate, alpha
        Relative size of one change, and how much stronger depression is [1].
    mu_plus, mu_minus
        How strongly changes depend on the weight [1].
    w_max
        Largest weight, in the unit of the weight.
    tau_plus, tau_minus
        How long the traces last [ms].

    Source: Gütig, Aharonov, Rotter & Sompolinsky, Journal of Neuroscience 2003.

    >>> names = net.connect("input", "cells", rv.AllToAll(), to="g_e", weight=0.5, plasticity=rv.plasticity.PowerLawSTDP())
    """
    require("PowerLawSTDP", 0, mu_plus=mu_plus, mu_minus=mu_minus)
    require("PowerLawSTDP", above=0, w_max=w_max)
    return Plasticity(
        """
        dx_plus/dt = -x_plus/tau_plus : 1
        dx_minus/dt = -x_minus/tau_minus : 1
        """,
        on_pre="x_plus += 1; w = clip(w - w_max*rate*alpha*pow(maximum(w/w_max, 0), mu_minus)*x_minus, 0, w_max)",
        on_post="x_minus += 1; w = clip(w + w_max*rate*pow(maximum(1 - w/w_max, 0), mu_plus)*x_plus, 0, w_max)",
        name="PowerLawSTDP", rate=rate, alpha=alpha, mu_plus=mu_plus, mu_minus=mu_minus, w_max=w_max,
        tau_plus=tau_plus, tau_minus=tau_minus,
    )  # fmt: skip


def MultiplicativeSTDP(
    *, A_plus: Any = 0.01, rate: Any = 0.01, tau_plus: Any = 20 * ms, tau_minus: Any = 20 * ms
) -> Plasticity:
    """Pair STDP whose potentiation is a fixed amount and whose depression is a fraction of the weight.

    At an input spike w = maximum(w - rate*w*x_minus, 0), at an output spike w += A_plus*x_plus; x_plus and x_minus are
    traces of input and output spikes that grow by 1 and decay with tau_plus and tau_minus. No upper bound is needed: the
    weights settle around A_plus/rate.

    Parameters
    ----------
    A_plus
        Size of one potentiation, in the unit of the weight.
    rate
        Fraction lost in one depression [1].
    tau_plus, tau_minus
        How long the traces last [ms].

    Source: van Rossum, Bi & Turrigiano, Journal of Neuroscience 2000 (without its noise).

    >>> names = net.connect("input", "cells", rv.AllToAll(), to="g_e", weight=0.5, plasticity=rv.plasticity.MultiplicativeSTDP())
    """
    require("MultiplicativeSTDP", 0, rate=rate)
    return Plasticity(
        """
        dx_plus/dt = -x_plus/tau_plus : 1
        dx_minus/dt = -x_minus/tau_minus : 1
        """,
        on_pre="x_plus += 1; w = maximum(w - rate*w*x_minus, 0)",
        on_post="x_minus += 1; w += A_plus*x_plus",
        name="MultiplicativeSTDP", A_plus=A_plus, rate=rate, tau_plus=tau_plus, tau_minus=tau_minus,
    )  # fmt: skip
