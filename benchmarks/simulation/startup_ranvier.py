"""What a user would run: 4,000 cells, 0.1 s, and one number printed. Arguments: tau_m in ms, a number in the equations."""

import sys

import ranvier as rv
from ranvier.units import ms, mV

tau, literal = float(sys.argv[1]), float(sys.argv[2])
cell = rv.Cell(
    f"""
    dv/dt   = ({literal!r}*(E_L - v) + g_e*(E_e - v) + g_i*(E_i - v)) / tau_m : mV  (unless refractory)
    dg_e/dt = -g_e / tau_e : 1
    dg_i/dt = -g_i / tau_i : 1
    """,
    threshold="v > V_t", reset="v = V_r", refractory=5 * ms, E_L=-60 * mV, E_e=0 * mV, E_i=-80 * mV, V_t=-50 * mV,
    V_r=-60 * mV, tau_m=tau * ms, tau_e=5 * ms, tau_i=10 * ms,
)  # fmt: skip
start = {"v": rv.Uniform(-65 * mV, -50 * mV), "g_e": rv.Uniform(0, 2), "g_i": rv.Uniform(0, 20)}
net = rv.Network(dt=0.1 * ms, seed=1)
net.population("exc", 3200, cell, **start)
net.population("inh", 800, cell, **start)
net.connect("exc", ["exc", "inh"], rv.FixedProbability(0.02), to="g_e", weight=0.6)
net.connect("inh", ["exc", "inh"], rv.FixedProbability(0.02), to="g_i", weight=6.7)
run = net.run(100 * ms, stream=0, record={"exc": ["spikes"], "inh": ["spikes"]})
sys.stdout.write(f"{(len(run['exc'].spikes) + len(run['inh'].spikes)) / 4000 / 0.1}\n")
