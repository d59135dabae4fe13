"""Tutorial 2 with snnTorch."""

import snntorch as snn
import torch


def euler(v, x, dt=1e-3, R=5.0, C=1e-3):
    return v + dt / (R * C) * (R * x - v)


def run(x, cell, v):
    spikes, membranes = [], []
    for now in x:
        spike, v = cell(now, v)
        spikes.append(spike)
        membranes.append(v)
    return {"spikes": torch.stack(spikes).unsqueeze(2), "v": torch.stack(membranes).unsqueeze(2)}


def signals(given):
    rc = {"R": 5.1, "C": 5e-3, "time_step": 1e-3}
    low = {**rc, "threshold": 0.5}
    at_rest = torch.zeros(100, 1)
    v, decay = torch.full((1,), 0.9), []
    for now in at_rest:
        v = euler(v, now)
        decay.append(v)
    return {
        "decay": torch.stack(decay).unsqueeze(2),
        "decay_of_cell": run(at_rest, snn.Lapicque(R=5.0, C=1e-3, time_step=1e-3), torch.full((1,), 0.9))["v"],
        "pulses": run(given["pulses"], snn.Lapicque(R=5.0, C=1e-3, time_step=1e-3), torch.zeros(4))["v"],
        **run(given["currents"], snn.Lapicque(**rc), torch.zeros(2)),
        "spikes_from_spikes": run(given["spikes"], snn.Lapicque(**low), torch.zeros(1))["spikes"],
        "v_from_spikes": run(given["spikes"], snn.Lapicque(**low, reset_mechanism="zero"), torch.zeros(1))["v"],
    }
