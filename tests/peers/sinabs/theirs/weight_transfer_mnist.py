"""The same with Sinabs."""

import sinabs.layers as sl
import torch
from sinabs.from_torch import from_model
from torch import nn


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


def spiking(model, steps):
    return from_model(model, add_spiking_output=True, synops=False, num_timesteps=steps).spiking_model


def run(net, x):  # x [B, T, …]; the spikes of all layers [T, B, …]
    found, now = [], sl.FlattenTime()(x)
    for part in net:
        now = part(now)
        if isinstance(part, sl.IAFSqueeze):
            found.append(now.unflatten(0, x.shape[:2]).transpose(0, 1))
    return found


@torch.no_grad()
def signals(given):
    model = network(2, 8)
    model.load_state_dict(given["state"])
    found = run(spiking(model, len(given["x"])), given["x"].transpose(0, 1))
    return {f"iaf{k}": n for k, n in enumerate(found, 1)}


@torch.no_grad()
def count(net, images):
    spikes = torch.rand(len(images), 100, *images.shape[1:]) < images.unsqueeze(1)
    return run(net, spikes.float())[-1].sum(0)


def score(samples, seed, epochs):
    torch.manual_seed(seed)
    net = spiking(trained(samples, epochs), 100)
    return (count(net, samples.x_test).argmax(1) == samples.y_test).float().mean().item()
