"""What a user would run: 4,000 cells, 0.1 s, and one number printed. Arguments: tau_m in ms, a number in the equations,
`standalone` or `cython`, a folder for what is compiled.
"""

import sys

import brian2 as b2
from brian2 import ms, mV

tau, literal, target, folder = float(sys.argv[1]), float(sys.argv[2]), sys.argv[3], sys.argv[4]
if target == "standalone":
    b2.set_device("cpp_standalone", directory=folder)
else:
    b2.prefs.codegen.target = "cython"
    b2.prefs.codegen.runtime.cython.cache_dir = folder
b2.defaultclock.dt = 0.1 * ms
b2.seed(1)
cells = b2.NeuronGroup(
    4000,
    f"""
    dv/dt   = ({literal!r}*(E_L - v) + g_e*(E_e - v) + g_i*(E_i - v)) / tau_m : volt (unless refractory)
    dg_e/dt = -g_e / tau_e : 1
    dg_i/dt = -g_i / tau_i : 1
    """,
    threshold="v > V_t", reset="v = V_r", refractory=5 * ms, method="exponential_euler",
    namespace={
        "E_L": -60 * mV, "E_e": 0 * mV, "E_i": -80 * mV, "V_t": -50 * mV, "V_r": -60 * mV, "tau_m": tau * ms,
        "tau_e": 5 * ms, "tau_i": 10 * ms,
    },
)  # fmt: skip
cells.v, cells.g_e, cells.g_i = "-65*mV + 15*mV*rand()", "2*rand()", "20*rand()"
excitation = b2.Synapses(cells[:3200], cells, on_pre="g_e += 0.6")
excitation.connect(p=0.02)
inhibition = b2.Synapses(cells[3200:], cells, on_pre="g_i += 6.7")
inhibition.connect(p=0.02)
spikes = b2.SpikeMonitor(cells)
b2.run(100 * ms)
sys.stdout.write(f"{spikes.num_spikes / 4000 / 0.1}\n")
