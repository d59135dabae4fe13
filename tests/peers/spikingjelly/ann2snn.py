"""A trained convolutional network becomes a spiking one, with thresholds from data."""

import torch
from torch import nn

import ranvier as rv

STEPS = 32


def network(channels, side):
    def stage(before):
        return nn.Conv2d(before, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU(), nn.AvgPool2d(2)

    dense = nn.Flatten(), nn.Linear(channels * (side // 4) ** 2, 64), nn.ReLU(), nn.Linear(64, 10)
    return nn.Sequential(*stage(1), *stage(channels), *dense)


def trained(samples, epochs):
    model = network(16, samples.x.shape[-1])
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(epochs):
        for k in torch.randperm(len(samples.y)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(samples.x[k]), samples.y[k]).backward()
            optimizer.step()
    return model.eval()


def signals(given):
    model = network(2, 8)
    model.load_state_dict(given["state"])
    made = rv.convert(model.eval(), given["x"], cell=rv.compat.spikingjelly.IFNode(v_reset=None), start=0)
    fires = {row.population: row.threshold for row in made.rows if row.population}
    x = given["x"].expand(STEPS, *given["x"].shape)
    seen = made.net.observe(x, record={name: ["spikes"] for name in fires})
    spikes = {f"spikes_{k}": seen[name]["spikes"] for k, name in enumerate(fires)}
    return {"thresholds": torch.tensor([*fires.values()]), **spikes, "out": made(given["x"], STEPS)}


def score(samples, seed, epochs):
    torch.manual_seed(seed)
    made = rv.convert(trained(samples, epochs), samples.x, threshold=99.9)
    return (made(samples.x_test, STEPS).argmax(1) == samples.y_test).float().mean().item()
