"""The constants of the benchmark circuits (Vogels & Abbott 2005; Brette et al. 2007, benchmarks 1 and 2).

Conductance-based (COBA):

    dv/dt   = (E_L - v + g_e (E_e - v) + g_i (E_i - v)) / tau_m    (held for `REFRACTORY` after a spike)
    dg_e/dt = -g_e / tau_e,   dg_i/dt = -g_i / tau_i               (in units of the leak conductance)

Current-based (CUBA): dv/dt = (E_L - v + g_e + g_i) / tau_m with g in mV, E_L = -49 mV and the same constants otherwise.

80 % excitatory cells, about 80 synapses onto each cell whatever the size, no delay beyond the time step. The circuit is
bistable: random initial conductances kick it into its active state. With an inhibitory delay of 0.5 ms or more the kick
synchronises it and it falls silent within 50 ms (tried in Brian2, and at 1 ms in NEST), so none is used; delays that differ
from synapse to synapse (0 to 4 ms) keep it active.
"""

from __future__ import annotations

from dataclasses import dataclass

DT = 0.1
"""ms"""
E_L, E_E, E_I, V_THRESHOLD, V_RESET = -60.0, 0.0, -80.0, -50.0, -60.0
"""mV"""
TAU_M, TAU_E, TAU_I, REFRACTORY = 20.0, 5.0, 10.0, 5.0
"""ms"""
W_E, W_I = 0.6, 6.7
"""Increase of g_e, g_i at a spike, in units of the leak conductance."""
G_E_START, G_I_START = (4.0, 1.5), (20.0, 20.0)
"""Mean and standard deviation of the initial conductances (negative draws set to 0).

The usual spread of g_i, 12, leaves about a quarter of the draws silent (in Brian2 at 4,000 cells 6 of 8 lit up, with 20
8 of 8).
"""
EXCITATORY_FRACTION = 0.8
SYNAPSES_PER_CELL = 80.0
RATE_HZ = (18.0, 20.0)
"""Mean rate of the active state over many draws and seconds."""
RATE_ACCEPTED_HZ = (16.5, 22.0)
"""What one draw of 4,000 cells may show in a second; a silent or synchronous circuit is far outside."""


CUBA_E_L, CUBA_W_E, CUBA_W_I = -49.0, 1.62, -9.0
"""mV"""
CUBA_ACCEPTED_HZ = (3.5, 8.0)
SPREAD = 0.1
"""Standard deviation of weights that differ, relative to their mean."""
LONGEST_DELAY = 4.0
"""ms; delays that differ are uniform from 0 to this."""


@dataclass(frozen=True)
class Kind:
    """Which circuit a bench asks for, by its name: `coba_4000`, `coba_weights_4000`, `coba_delays_4000`, `cuba_4000`.

    Attributes:
        model: `coba` or `cuba`.
        weights: every synapse has its own weight.
        delays: every synapse has its own delay.
    """

    model: str
    weights: bool = False
    delays: bool = False

    @property
    def accepted_hz(self) -> tuple[float, float]:
        """Rates of the active state."""
        return RATE_ACCEPTED_HZ if self.model == "coba" else CUBA_ACCEPTED_HZ


def kind_of(bench: str) -> Kind | None:
    """The circuit of a bench, None if it is no circuit."""
    model, *rest = bench.split("_")
    if model not in ("coba", "cuba") or not rest or not rest[-1].isdigit():
        return None
    return Kind(model, "weights" in rest, "delays" in rest)


def sizes(cells: int) -> tuple[int, int, float]:
    """Excitatory cells, inhibitory cells, connection probability."""
    excitatory = round(EXCITATORY_FRACTION * cells)
    return excitatory, cells - excitatory, SYNAPSES_PER_CELL / cells
