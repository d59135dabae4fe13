"""A circuit of many populations: 0.1 s, and one number printed. Arguments: populations, projections from each."""

import sys

import ranvier as rv
from ranvier.units import ms, mV

populations, targets = int(sys.argv[1]), int(sys.argv[2])
cell = rv.Cell(
    """
    dv/dt = (I + g - v)/tau : mV  (unless refractory)
    dg/dt = -g/tau_s : mV
    """,
    threshold="v > 20*mV", reset="v = 0*mV", refractory=2 * ms, tau=20 * ms, tau_s=5 * ms, I=0 * mV,
)  # fmt: skip
net = rv.Network(dt=0.1 * ms, seed=1)
for k in range(populations):
    net.population(f"p{k}", 20, cell, I=25 * mV, v=rv.Uniform(0 * mV, 20 * mV))
for k in range(populations):
    for j in range(targets):
        post = f"p{(k + j) % populations}"
        net.connect(f"p{k}", post, rv.FixedProbability(0.1), to="g", weight=0.1 * mV, delay=1.5 * ms)
run = net.run(100 * ms, stream=0, record={"p0": ["spikes"]})
sys.stdout.write(f"{len(run['p0'].spikes) / 20 / 0.1}\n")
