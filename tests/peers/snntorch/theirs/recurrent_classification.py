"""Regression II with snnTorch."""

import snntorch as snn
import torch
from snntorch import functional
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

STEPS = 10
loss_of = functional.mse_count_loss(correct_rate=0.8, incorrect_rate=0.2)


class Net(nn.Module):
    def __init__(self, inputs, hidden):
        super().__init__()
        self.fc1, self.rlif1 = nn.Linear(inputs, hidden), snn.RLeaky(beta=0.9, linear_features=hidden)
        self.fc2, self.rlif2 = nn.Linear(hidden, 10), snn.RLeaky(beta=0.9, linear_features=10)

    def forward(self, x):
        spikes1, v1 = self.rlif1.init_rleaky()
        spikes2, v2 = self.rlif2.init_rleaky()
        seen = []
        for _ in range(STEPS):
            spikes1, v1 = self.rlif1(self.fc1(x), spikes1, v1)
            spikes2, v2 = self.rlif2(self.fc2(spikes1), spikes2, v2)
            seen.append(spikes2)
        return torch.stack(seen)


def signals(given):
    net = Net(64, 32)
    net.load_state_dict(given["weights"], strict=False)
    out = net(given["x"])
    loss = loss_of(out, given["y"].long())
    loss.backward()
    return {"out": out, "loss": loss, "gradient": net.fc1.weight.grad}


def score(samples, seed, epochs):
    torch.manual_seed(seed)
    x, x_test = samples.x.flatten(1), samples.x_test.flatten(1)
    net = Net(x.shape[1], 128)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    loader = DataLoader(TensorDataset(x, samples.y), batch_size=128, shuffle=True)
    for _ in range(epochs):
        for images, y in loader:
            loss = loss_of(net(images), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        return float(functional.accuracy_rate(net(x_test), samples.y_test))
