"""The constants of the plastic benchmark (S. Song, K. D. Miller and L. F. Abbott, *Nat. Neurosci.* 3, 2000).

    dv/dt = (g (E_e - v) + E_L - v) / tau_m,   dg/dt = -g / tau_e

Poisson inputs, each joined to each cell by a plastic synapse (additive pair STDP, all pairs); weights start uniform.
"""

from __future__ import annotations

DT = 0.1
"""ms"""
E_L, E_E, V_THRESHOLD, V_RESET = -74.0, 0.0, -54.0, -60.0
"""mV"""
TAU_M, TAU_E, TAU_STDP = 10.0, 5.0, 20.0
"""ms"""
W_MAX = 0.01
A_PLUS = 0.01 * W_MAX
A_MINUS = -1.05 * A_PLUS
INPUT_HZ = 15.0
RATE_ACCEPTED_HZ = (8.0, 60.0)
WEIGHT_ACCEPTED = (0.3, 0.7)
"""Mean weight over `W_MAX` in the first seconds."""
