"""What beside the benchmark circuits must be fast: small models of everything a circuit may hold.

Cells are leaky integrators in mV unless a workload says otherwise, tau = 20 ms, threshold 20, reset 0, refractory for 2 ms:

    dv/dt = (I + g - v)/tau        dg/dt = -g/(5 ms)

and dt = 0.1 ms. All sides write the same equations with these constants; a workload is timed where the figure that it names
lies in the range that all must reach.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DT, TAU, TAU_S, V_T, REFRACTORY = 0.1, 20.0, 5.0, 20.0, 2.0
"""ms, ms, ms, mV, ms"""
DRIVE = 15.0, 35.0
"""mV; I of the first and the last cell of a population that is driven by a constant current."""
W = 3.5
"""mV, jump of g at a spike of 1,000 a second: a mean input of 17.5 mV."""
W_MAX, STEP_UP, STEP_DOWN, TAU_STDP = 2 * W, 0.01, -0.0105, 20.0
"""mV, parts of the largest weight, ms: of plastic synapses."""
CONDUCTANCES = """
dv/dt   = (E_L - v + g_e*(E_e - v) + g_i*(E_i - v))/tau : {voltage} (unless refractory)
dg_e/dt = -g_e/tau_e : 1
dg_i/dt = -g_i/tau_i : 1
"""
"""Benchmark 1 of Brette et al. 2007: threshold -50 mV, reset -60 mV, refractory for 5 ms."""
REVERSAL = {"E_L": -60.0, "E_e": 0.0, "E_i": -80.0}
"""mV"""
CONSTANTS = {"tau": 20.0, "tau_e": 5.0, "tau_i": 10.0}
"""ms"""
BIAS = 10.0
"""mV; I of cells that others drive."""
DELAY = 1.5
"""ms"""
LONGEST = {"delays_none": 0, "delays_4": 4, "delays_20": 20, "float64": 0}
"""ms; the longest delay of the circuits of two populations."""
MANY = {"populations": (10, 100, 10), "populations_50": (50, 20, 10)}
"""Populations, the cells of each, and the populations that each reaches."""
JOINED = {"populations_joined": MANY["populations_50"]}
"""The same as cells of one population."""


@dataclass(frozen=True)
class Workload:
    """A model with a side for each simulator.

    Attributes:
        title: what it is.
        unit: of the figure that all sides must agree in: the rate of the last population, or the mean of a variable.
        accepted: the range of that figure.
        seconds: biological time of a repetition.
        precision: of all sides but NEST, which knows double only.
    """

    title: str
    accepted: tuple[float, float]
    unit: str = "Hz"
    seconds: float = 1.0
    precision: str = "float32"


def edges(populations: int, size: int, targets: int) -> tuple[np.ndarray, np.ndarray]:
    """Sources and targets of many populations as cells of one: each cell reaches a tenth of ``targets`` populations from its own on."""
    pre, post = np.divmod(np.arange(populations * size * targets * size), targets * size)
    chosen = np.random.default_rng(1).random(len(pre)) < 0.1
    return pre[chosen], ((pre // size * size + post) % (populations * size))[chosen]


WORKLOADS = {
    "alone": Workload("10,000 cells without a synapse", (25, 27)),
    "acyclic": Workload("5,000 cells to 5,000 others, 100 synapses per cell", (19, 26)),
    "chain": Workload("ten populations of 1,000 cells, each to the next", (90, 140)),
    "poisson": Workload("10,000 cells, each with its own Poisson input at 1 kHz", (5, 7)),
    "poisson_sparse": Workload("1,000 Poisson inputs at 10 Hz to 10,000 cells, 10 %", (5, 7.5)),
    "poisson_trains": Workload("10,000 cells with the sum of 100 Poisson trains each", (5, 7)),
    "poisson_rates": Workload("the same with a rate for each cell", (8, 12)),
    "poisson_in_time": Workload("Poisson input whose rate follows a sine of 5 Hz", (9, 13)),
    "noise": Workload("10,000 cells with white noise", (10, 13)),
    "noise_coloured": Workload("10,000 cells with an Ornstein-Uhlenbeck current each", (4.5, 6.5)),
    "delays_none": Workload("4,000 cells, 80 synapses per cell, no delay", (15, 35)),
    "delays_4": Workload("the same, a delay of 0 to 4 ms for every synapse", (15, 35)),
    "delays_20": Workload("the same, 0 to 20 ms", (15, 35)),
    "populations": Workload("10 populations of 100 cells, 100 projections", (15, 35)),
    "populations_50": Workload("50 populations of 20 cells, 500 projections", (15, 35)),
    "populations_joined": Workload("the same cells and as many synapses as one population", (15, 35)),
    "adex": Workload("4,000 adaptive exponential cells, 80 synapses per cell", (2, 60)),
    "hodgkin_huxley": Workload("1,000 Hodgkin-Huxley cells without a synapse", (40, 90), seconds=0.2),
    "izhikevich": Workload("1,000 Izhikevich cells with noise, 100 synapses per cell", (3, 60)),
    "depression": Workload("1,000 inputs to 1,000 cells by depressing synapses, 10 %", (1, 60)),
    "stochastic_release": Workload("the same by synapses that fail half of the time", (1, 60)),
    "gap_junctions": Workload("1,000 cells with 20,000 gap junctions", (15, 35)),
    "nmda": Workload("10,000 NMDA synapses with equations of their own, cells without threshold", (0.5, 60), "mV", 0.2),
    "rates": Workload("1,000 rate units, 100 synapses per unit", (0.01, 1.0), "", 0.1),
    "plastic": Workload("1,000 inputs to 1,000 cells by STDP, 10 %", (2, 60)),
    "conductances": Workload("4,000 cells with conductances, 80 synapses per cell", (5, 60)),
    "traces": Workload("v of 1,000 cells recorded in every step", (25, 27)),
    "float64": Workload("4,000 cells, 80 synapses per cell, double precision", (15, 35), precision="float64"),
    "conductances_float64": Workload("conductances, double precision", (5, 60), precision="float64"),
    "adex_float64": Workload("adaptive exponential cells, double precision", (2, 60), precision="float64"),
    "plastic_float64": Workload("STDP, double precision", (2, 60), precision="float64"),
    "gap_junctions_float64": Workload("gap junctions, double precision", (15, 35), precision="float64"),
}
