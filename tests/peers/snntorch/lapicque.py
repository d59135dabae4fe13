"""Tutorial 2: the RC circuit that decays, integrates pulses, and fires; its equation, and the ready-made cell."""

import torch

import ranvier as rv
from ranvier.compat.snntorch import Lapicque
from ranvier.units import ms

circuit = rv.Cell("dv/dt = (R*I - v)/tau : 1\nI : 1 (input)", method="euler", tau=5 * ms, R=5.0, v=0.9)


def run(x, cell):
    return cell.layer(dt=1 * ms).observe(x.unsqueeze(2), record=["spikes", "v"])


def signals(given):
    rc = {"R": 5.1, "C": 5e-3, "time_step": 1e-3}
    low = {**rc, "threshold": 0.5}
    at_rest = torch.zeros(100, 1)
    return {
        "decay": circuit.layer(dt=1 * ms).observe(at_rest.unsqueeze(2), record=["v"])["v"],
        "decay_of_cell": run(at_rest, Lapicque(R=5.0, C=1e-3, time_step=1e-3).with_values(v=0.9))["v"],
        "pulses": run(given["pulses"], Lapicque(R=5.0, C=1e-3, time_step=1e-3))["v"],
        **run(given["currents"], Lapicque(**rc)),
        "spikes_from_spikes": run(given["spikes"], Lapicque(**low))["spikes"],
        "v_from_spikes": run(given["spikes"], Lapicque(**low, reset_mechanism="zero"))["v"],
    }
