"""Regression I with snnTorch. The tutorial's own code runs its second layer through the read-out cell; here each layer has its cells."""

import snntorch as snn
import torch
from snntorch import surrogate
from torch import nn


class Net(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        how = {"spike_grad": surrogate.fast_sigmoid(), "learn_beta": True}
        self.fc_in = nn.Linear(1, hidden)
        self.lif_in = snn.Leaky(beta=torch.rand(hidden), threshold=torch.rand(hidden), **how)
        self.fc_hidden = nn.Linear(hidden, hidden)
        self.lif_hidden = snn.Leaky(beta=torch.rand(hidden), threshold=torch.rand(hidden), **how)
        self.fc_out = nn.Linear(hidden, 1)
        self.li_out = snn.Leaky(beta=torch.rand(1), reset_mechanism="none", **how)

    def forward(self, x):
        v1, v2, v3 = self.lif_in.init_leaky(), self.lif_hidden.init_leaky(), self.li_out.init_leaky()
        seen = []
        for now in x:
            spikes1, v1 = self.lif_in(self.fc_in(now), v1)
            spikes2, v2 = self.lif_hidden(self.fc_hidden(spikes1), v2)
            _, v3 = self.li_out(self.fc_out(spikes2), v3)
            seen.append((spikes1, spikes2, v3))
        return [torch.stack(signal) for signal in zip(*seen, strict=True)]


def signals(given):
    net = Net(32)
    net.load_state_dict(given["weights"], strict=False)
    hidden1, hidden2, v = net(given["x"])
    loss = nn.functional.mse_loss(v, given["y"])
    loss.backward()
    return {"hidden1": hidden1, "hidden2": hidden2, "v": v, "loss": loss, "gradient": net.lif_in.beta.grad}


def score(samples, seed, epochs):
    torch.manual_seed(seed)
    net = Net(128)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(epochs):
        loss = nn.functional.mse_loss(net(samples.x.transpose(0, 1))[2], samples.y.transpose(0, 1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return nn.functional.mse_loss(net(samples.x_test.transpose(0, 1))[2], samples.y_test.transpose(0, 1)).item()
