"""Tutorial 3 with snnTorch."""

import snntorch as snn
import torch
from torch import nn


def leaky_integrate_and_fire(v, x, beta=0.819, w=0.4, threshold=1.0):
    spike = (v > threshold).float()
    return beta * v + w * x - spike * threshold


class Net(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.fc1, self.lif1 = nn.Linear(inputs, hidden), snn.Leaky(beta=0.99)
        self.fc2, self.lif2 = nn.Linear(hidden, outputs), snn.Leaky(beta=0.99)

    def forward(self, x):
        v1, v2 = self.lif1.init_leaky(), self.lif2.init_leaky()
        seen = []
        for now in x:
            spikes1, v1 = self.lif1(self.fc1(now), v1)
            spikes2, v2 = self.lif2(self.fc2(spikes1), v2)
            seen.append((spikes1, spikes2, v2))
        return [torch.stack(signal) for signal in zip(*seen, strict=True)]


def signals(given):
    single, ready = [], []
    v, v_leaky, cell = torch.zeros(1, 1), torch.zeros(1, 1), snn.Leaky(beta=0.8)
    for now in given["step"]:
        v = leaky_integrate_and_fire(v, now * 0.5)
        _, v_leaky = cell(now * 0.21, v_leaky)
        single.append(v)
        ready.append(v_leaky)
    net = Net(64, 100, 10)
    net.load_state_dict(given["weights"], strict=False)
    hidden, out, v_out = net(given["x"])
    return {"v": torch.stack(single), "v_leaky": torch.stack(ready), "hidden": hidden, "out": out, "v_out": v_out}
