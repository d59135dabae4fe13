"""The weights of a trained convolutional network, with integrate-and-fire cells in the place of its rectifiers."""

import torch
from torch import nn

import ranvier as rv
from ranvier.compat.sinabs import IAF
from ranvier.units import ms


def network(channels, side):
    first = nn.Conv2d(1, channels, 3, padding=1, bias=False), nn.ReLU(), nn.AvgPool2d(2)
    second = nn.Conv2d(channels, 2 * channels, 3, padding=1, bias=False), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten()
    dense = nn.Linear(2 * channels * (side // 4) ** 2, 64, bias=False), nn.ReLU(), nn.Linear(64, 10, bias=False)
    return nn.Sequential(*first, *second, *dense)


def trained(samples, epochs):
    model = network(8, samples.x.shape[-1])
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(epochs):
        for k in torch.randperm(len(samples.y)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(samples.x[k]), samples.y[k]).backward()
            optimizer.step()
    return model


def spiking(model):
    parts = [IAF(min_v_mem=-1.0) if isinstance(part, nn.ReLU) else part for part in model]
    return rv.Sequential(*parts, IAF(min_v_mem=-1.0), dt=1 * ms)


def signals(given):
    model = network(2, 8)
    model.load_state_dict(given["state"])
    seen = spiking(model).observe(given["x"], record={f"iaf{k}": ["n"] for k in range(1, 5)})
    return {name: signal["n"] for name, signal in seen.items()}


def score(samples, seed, epochs):
    torch.manual_seed(seed)
    net = spiking(trained(samples, epochs))
    with torch.no_grad():
        out, _ = net(rv.encoding.bernoulli(samples.x_test, 100))
    return (out.sum(0).argmax(1) == samples.y_test).float().mean().item()
