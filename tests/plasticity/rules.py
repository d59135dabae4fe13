"""Every rule of the package, for weights in mV, and how the compiled circuit is expected to update it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import ranvier as rv
from ranvier import plasticity
from ranvier.synapses.domains import Pairs
from ranvier.units import Hz, ms, mV

W = 2 * mV


@plasticity.register_domain
@dataclass(frozen=True)
class Presynaptic(plasticity.Domain):
    """A domain that the package does not have: all synapses of a presynaptic cell share a value."""

    def size(self, pairs: Pairs) -> int:
        return pairs.sizes[0]

    def member(self, pairs: Pairs) -> np.ndarray:
        return pairs.pre


LAZY = {
    "STDP": plasticity.STDP(A_plus=0.1 * mV, A_minus=-0.11 * mV, w_max=W),
    "nearest": plasticity.STDP(A_plus=0.1 * mV, A_minus=-0.11 * mV, pairs="nearest", w_max=W),
    "triplet": plasticity.TripletSTDP(
        A2_plus=1e-3 * mV, A3_plus=0.05 * mV, A2_minus=0.06 * mV, A3_minus=2e-3 * mV, w_max=W
    ),
    "power law": plasticity.PowerLawSTDP(rate=0.05, mu_plus=0.3, mu_minus=0.4, w_max=W),
    "multiplicative": plasticity.MultiplicativeSTDP(A_plus=0.1 * mV, rate=0.1),
    "inhibitory": plasticity.InhibitorySTDP(eta=0.1 * mV, target=20 * Hz, w_max=W),
    "depressing": rv.TsodyksMarkram(tau_rec=100 * ms),
    "facilitating": rv.TsodyksMarkram(U=0.1, tau_rec=50 * ms, tau_facil=200 * ms),
    "release": rv.StochasticRelease(0.4),
    "release per synapse": rv.StochasticRelease(rv.Uniform(0, 1)),
    "time": rv.Plasticity(on_post="w += A*sin(t/ms)", A=0.05 * mV),
    "last spikes": rv.Plasticity(
        "t_pre' = t_pre : ms\nt_post' = t_post : ms",
        on_pre="w += -A*exp(-(t - t_post)/tau); t_pre = t",
        on_post="w += A*exp(-(t - t_pre)/tau); t_post = t",
        A=0.05 * mV,
        tau=rv.Uniform(10 * ms, 20 * ms),
        t_pre=-50 * ms,
    ),
    "astrocyte": plasticity.AstrocyteSTDP(A_plus=0.1 * mV, A_minus=-0.05 * mV, w_max=W, gain=0.01, tau_a=50 * ms),
    "branches": rv.Plasticity(
        "dB/dt = -B/tau_B : 1",
        on_pre="sent = w*(1 + B); B += w/W; w = clip(w + eta*(theta - B), 0*mV, W)",
        domains={"B": plasticity.Branches(3)},
        tau_B=20 * ms,
        W=W,
        eta=0.05 * mV,
        theta=2.0,
        B=rv.Uniform(0, 1),
    ),
    "short and long": rv.TsodyksMarkram(tau_rec=100 * ms)
    + plasticity.STDP(A_plus=0.1 * mV, A_minus=-0.1 * mV, w_max=W),
}

EAGER = {
    "voltage": plasticity.VoltageSTDP(
        A_minus=0.01 * mV / mV, A_plus=1e-3 * mV / mV**2, theta_minus=-62 * mV, theta_plus=-58 * mV, w_max=W
    ),
    "BCM": plasticity.BCM(eta=0.01 * mV, target=20 * Hz, tau_theta=200 * ms, w_max=W),
    "Oja": plasticity.Oja(eta=0.05 * mV, alpha=1 * mV, target=20 * Hz),
    "scaling": plasticity.SynapticScaling(eta=0.5, target=20 * Hz, tau_y=100 * ms, w_max=W),
    "dopamine": plasticity.DopamineSTDP(A_plus=0.1 * mV, A_minus=-0.08 * mV, tau_c=100 * ms, w_max=W),
    "ReSuMe": plasticity.ReSuMe(eta=0.1 * mV, w_min=-1 * mV, w_max=W),
    "tau per synapse": rv.TsodyksMarkram(tau_rec=rv.Uniform(50 * ms, 150 * ms)),
    "time everywhere": rv.Plasticity(every_step="w += A*sin(t/ms)", A=0.005 * mV),
    "budget": rv.Plasticity(
        "dS/dt = -S/tau_S : mV\ndn/dt = -n/tau_S : 1\ndx/dt = (n - x)/tau_x : 1",
        on_post="n += 1; w = clip(w + A*n, 0*mV, W)",
        every_step="S += dt*w/tau_S; w = clip(w + dt*eta*w*(1 - S/total), 0*mV, W)",
        domains={"S": plasticity.TargetCell(), "n": plasticity.WholeProjection()},
        tau_S=rv.units.second / 50,
        tau_x=rv.Uniform(5 * ms, 10 * ms),
        A=1e-3 * mV,
        eta=0.01 / ms,
        total=8 * mV,
        W=W,
    ),
    "shared by source, with time": rv.Plasticity(
        "du/dt = -u/tau_u + A*sin(t/ms)/ms : 1",
        on_pre="u += rand; w = clip(w + eta*sin(u), 0*mV, W)",
        every_step="u += 1e-3*int(t > 30*ms)",
        domains={"u": Presynaptic()},
        tau_u=30 * ms,
        A=0.01,
        eta=0.02 * mV,
        W=W,
    ),
    "pre": rv.Plasticity(every_step="w += dt*eta*(v_pre - v_post)/mV", eta=1e-3 * mV / ms),
}

ALL = {**LAZY, **EAGER}
