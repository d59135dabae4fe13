"""The same with Sinabs."""

import sinabs.layers as sl
import torch
from sinabs.from_torch import from_model

from tests.peers.conventional import loaded, trained, unbiased


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
    model = loaded(unbiased(2, 8), given["state"])
    found = run(spiking(model, len(given["x"])), given["x"].transpose(0, 1))
    return {f"iaf{k}": n for k, n in enumerate(found, 1)}


@torch.no_grad()
def count(net, images):
    spikes = torch.rand(len(images), 100, *images.shape[1:]) < images.unsqueeze(1)
    return run(net, spikes.float())[-1].sum(0)


def score(samples, seed, epochs):
    torch.manual_seed(seed)
    net = spiking(trained(unbiased(8, samples.x.shape[-1]), samples, epochs), 100)
    return (count(net, samples.x_test).argmax(1) == samples.y_test).float().mean().item()
