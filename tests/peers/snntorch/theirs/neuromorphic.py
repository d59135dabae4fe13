"""Tutorial 7 with snnTorch."""

import snntorch as snn
import torch
from snntorch import functional, surrogate, utils
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

loss_of = functional.mse_count_loss(correct_rate=0.8, incorrect_rate=0.2)


def network(pixels, first, second):
    how = {"beta": 0.5, "spike_grad": surrogate.atan(), "init_hidden": True}
    side = ((pixels - 4) // 2 - 4) // 2
    return nn.Sequential(
        nn.Conv2d(2, first, 5), snn.Leaky(**how), nn.MaxPool2d(2), nn.Conv2d(first, second, 5), snn.Leaky(**how),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(second * side**2, 10), snn.Leaky(**how, output=True),
    )  # fmt: skip


def forward(net, x):
    utils.reset(net)
    return torch.stack([net(now)[0] for now in x])


def signals(given):
    net = network(16, 3, 4)
    net.load_state_dict(given["weights"], strict=False)
    out = forward(net, given["x"])
    loss = loss_of(out, given["y"].long())
    loss.backward()
    return {"out": out, "loss": loss, "gradient": net[0].weight.grad}


def score(samples, seed, epochs):
    torch.manual_seed(seed)
    net = network(samples.x.shape[-1], 12, 32)
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-2)
    loader = DataLoader(TensorDataset(samples.x, samples.y), batch_size=128, shuffle=True)
    for _ in range(epochs):
        for x, y in loader:
            loss = loss_of(forward(net, x.transpose(0, 1)), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        return float(functional.accuracy_rate(forward(net, samples.x_test.transpose(0, 1)), samples.y_test))
