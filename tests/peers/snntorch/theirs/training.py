"""Tutorial 5 with snnTorch."""

import snntorch as snn
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

STEPS = 25


class Net(nn.Module):
    def __init__(self, inputs, hidden):
        super().__init__()
        self.fc1, self.lif1 = nn.Linear(inputs, hidden), snn.Leaky(beta=0.95)
        self.fc2, self.lif2 = nn.Linear(hidden, 10), snn.Leaky(beta=0.95)

    def forward(self, x):
        v1, v2 = self.lif1.init_leaky(), self.lif2.init_leaky()
        seen = []
        for _ in range(STEPS):
            spikes1, v1 = self.lif1(self.fc1(x), v1)
            spikes2, v2 = self.lif2(self.fc2(spikes1), v2)
            seen.append((spikes1, spikes2, v2))
        return [torch.stack(signal) for signal in zip(*seen, strict=True)]


def loss_of(v, y):
    loss = torch.zeros(1)
    for now in v:
        loss = loss + nn.functional.cross_entropy(now, y)
    return loss


def signals(given):
    net = Net(64, 100)
    net.load_state_dict(given["weights"], strict=False)
    hidden, out, v = net(given["x"])
    loss = loss_of(v, given["y"].long())
    loss.backward()
    return {"hidden": hidden, "out": out, "v": v, "loss": loss.squeeze(), "gradient": net.fc1.weight.grad}


def score(samples, seed, epochs):
    torch.manual_seed(seed)
    x, x_test = samples.x.flatten(1), samples.x_test.flatten(1)
    net = Net(x.shape[1], 1000)
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-4)
    loader = DataLoader(TensorDataset(x, samples.y), batch_size=128, shuffle=True)
    for _ in range(epochs):
        for images, y in loader:
            _, _, v = net(images)
            loss = loss_of(v, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        _, spikes, _ = net(x_test)
    return (spikes.sum(0).argmax(1) == samples.y_test).float().mean().item()
