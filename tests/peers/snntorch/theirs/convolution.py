"""Tutorial 6 with snnTorch."""

import snntorch as snn
import torch
from snntorch import functional, surrogate, utils
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

STEPS = 10


def network(pixels, first, second):
    how = {"beta": 0.5, "spike_grad": surrogate.fast_sigmoid(slope=25), "init_hidden": True}
    side = ((pixels - 4) // 2 - 4) // 2
    return nn.Sequential(
        nn.Conv2d(1, first, 5), nn.MaxPool2d(2), snn.Leaky(**how), nn.Conv2d(first, second, 5), nn.MaxPool2d(2),
        snn.Leaky(**how), nn.Flatten(), nn.Linear(second * side**2, 10), snn.Leaky(**how, output=True),
    )  # fmt: skip


def forward(net, x):
    utils.reset(net)
    return torch.stack([net(x)[0] for _ in range(STEPS)])


def signals(given):
    net = network(16, 3, 4)
    net.load_state_dict(given["weights"], strict=False)
    out = forward(net, given["x"])
    loss = functional.ce_rate_loss()(out, given["y"].long())
    loss.backward()
    return {"out": out, "loss": loss.squeeze(), "gradient": net[0].weight.grad}


def score(samples, seed, epochs):
    torch.manual_seed(seed)
    net = network(samples.x.shape[-1], 12, 64)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    loss_of = functional.ce_rate_loss()
    loader = DataLoader(TensorDataset(samples.x, samples.y), batch_size=128, shuffle=True)
    for _ in range(epochs):
        for images, y in loader:
            loss = loss_of(forward(net, images), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        return float(functional.accuracy_rate(forward(net, samples.x_test), samples.y_test))
