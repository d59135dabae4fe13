"""The same with SpikingJelly."""

import torch
from spikingjelly.activation_based import ann2snn, functional, neuron

from tests.peers.conventional import loaded, normed, trained

STEPS = 32


def converted(model, x):
    loader = [(x, torch.zeros(len(x)))]
    return ann2snn.Converter(recipe=ann2snn.RateCodingRecipe(dataloader=loader, mode="99.9%"), device="cpu").convert(
        model
    )


@torch.no_grad()
def signals(given):
    model = loaded(normed(2, 8), given["state"])
    made = converted(model, given["x"])
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
    made = converted(trained(normed(16, samples.x.shape[-1]), samples, epochs), samples.x)
    return (rates(made, samples.x_test).argmax(1) == samples.y_test).float().mean().item()
