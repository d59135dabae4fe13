"""The constants of the plastic benchmark (S. Song, K. D. Miller and L. F. Abbott, *Nat. Neurosci.* 3, 2000).

    dv/dt = (g (E_e - v) + E_L - v) / tau_m,   dg/dt = -g / tau_e

Poisson inputs, each joined to each cell (or to a tenth of them, with weights ten times as large) by a plastic synapse;
weights start uniform.
"""

from __future__ import annotations

from typing import NamedTuple

DT = 0.1
"""ms"""
E_L, E_E, V_THRESHOLD, V_RESET = -74.0, 0.0, -54.0, -60.0
"""mV"""
TAU_M, TAU_E, TAU_STDP = 10.0, 5.0, 20.0
"""ms"""
W_MAX = 0.01
A_PLUS, A_MINUS = 0.01, -0.0105
"""In units of the largest weight."""
TRIPLET = {"A2_plus": 5e-10, "A3_plus": 1.5e-3, "A2_minus": 7e-3, "A3_minus": 2.3e-4}
TRIPLET_TAU = {"tau_plus": 16.8, "tau_minus": 33.7, "tau_x": 101.0, "tau_y": 125.0}
MULTIPLICATIVE = {"A_plus": 0.005, "rate": 0.01}
INPUT_HZ = 15.0
RATE_ACCEPTED_HZ = (8.0, 100.0)
WEIGHT_ACCEPTED = (0.3, 0.7)
"""Mean weight over `W_MAX` in the first seconds."""


class Kind(NamedTuple):
    """A bench: ``rule`` is pair, triplet or multiplicative; ``probability`` that of a synapse."""

    rule: str = "pair"
    probability: float = 1.0

    @property
    def w_max(self) -> float:
        """The largest weight."""
        return W_MAX / self.probability


KINDS = {
    "stdp_1000": Kind(),
    "stdp_sparse_1000": Kind(probability=0.1),
    "stdp_triplet_1000": Kind("triplet"),
    "stdp_multiplicative_1000": Kind("multiplicative"),
}
