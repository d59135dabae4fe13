"""Tutorial 4 with snnTorch."""

import snntorch as snn
import torch


def run(cell, x, state):
    seen = []
    for now in x:
        spikes, *state = cell(now, *state)
        seen.append((spikes, *state))
    return [torch.stack(signal) for signal in zip(*seen, strict=True)]


def signals(given):
    synaptic, alpha = snn.Synaptic(alpha=0.9, beta=0.8), snn.Alpha(alpha=0.8, beta=0.7, threshold=0.5)
    spikes, current, v = run(synaptic, given["periodic"], synaptic.init_synaptic())
    spikes_alpha, _, _, v_alpha = run(alpha, given["bursts"], alpha.init_alpha())
    return {"spikes": spikes, "i": current, "v": v, "spikes_alpha": spikes_alpha, "v_alpha": v_alpha}
