"""The same with SpikingJelly."""

import torch
from spikingjelly.activation_based import ann2snn, functional, neuron
from torch import nn

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


def converted(model, x):
    loader = [(x, torch.zeros(len(x)))]
    return ann2snn.Converter(recipe=ann2snn.RateCodingRecipe(dataloader=loader, mode="99.9%"), device="cpu").convert(
        model
    )


@torch.no_grad()
def signals(given):
    model = network(2, 8)
    model.load_state_dict(given["state"])
    made = converted(model.eval(), given["x"])
    spikes = {}
    for k, cell in enumerate(m for m in made.modules() if isinstance(m, neuron.IFNode)):
        kept = spikes[f"spikes_{k}"] = []
        cell.register_forward_hook(lambda cell, x, s, kept=kept: kept.append(s))
    out = sum(made(given["x"]) for _ in range(STEPS)) / STEPS
    thresholds = [made.get_submodule(f"spiking_{k}.scaler1").scale for k in range(len(spikes))]
    return {"thresholds": torch.stack(thresholds), **{n: torch.stack(s) for n, s in spikes.items()}, "out": out}


@torch.no_grad()
def rates(net, images):
    functional.reset_net(net)
    return sum(net(images) for _ in range(STEPS)) / STEPS


def score(samples, seed, epochs):
    torch.manual_seed(seed)
    made = converted(trained(samples, epochs), samples.x)
    return (rates(made, samples.x_test).argmax(1) == samples.y_test).float().mean().item()
