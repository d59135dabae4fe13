"""Tutorial 3: one cell by its equation and ready-made, then a network of two layers."""

import ranvier as rv
from ranvier.compat import load_state_dict
from ranvier.compat.snntorch import Leaky
from ranvier.units import ms

lif = rv.Cell(
    "v' = beta*v + w*x - V_th*int(v > V_th) : 1\nx : 1 (input)", threshold="v > V_th", beta=0.819, w=0.4, V_th=1.0
)


def network(inputs, hidden, outputs):
    parts = rv.Linear(inputs, hidden), Leaky(beta=0.99), rv.Linear(hidden, outputs), Leaky(beta=0.99)
    return rv.Sequential(*parts, dt=1 * ms)


def signals(given):
    single = lif.layer(dt=1 * ms).observe(given["step"] * 0.5, record=["v"])
    ready = Leaky(beta=0.8).layer(dt=1 * ms).observe(given["step"] * 0.21, record=["v"])
    net = network(64, 100, 10)
    load_state_dict(net, given["weights"])
    seen = net.observe(given["x"], record={"leaky1": ["spikes"], "leaky2": ["spikes", "v"]})
    return {
        "v": single["v"],
        "v_leaky": ready["v"],
        "hidden": seen["leaky1"]["spikes"],
        "out": seen["leaky2"]["spikes"],
        "v_out": seen["leaky2"]["v"],
    }
