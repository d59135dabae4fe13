"""A trained convolutional network becomes a spiking one, with thresholds from data."""

import torch

import ranvier as rv
from tests.peers.conventional import loaded, normed, trained

STEPS = 32


def signals(given):
    model = loaded(normed(2, 8), given["state"])
    made = rv.convert(model, given["x"], cell=rv.compat.spikingjelly.IFNode(v_reset=None), start=0)
    fires = {row.population: row.threshold for row in made.rows if row.population}
    x = given["x"].expand(STEPS, *given["x"].shape)
    seen = made.net.observe(x, record={name: ["spikes"] for name in fires})
    spikes = {f"spikes_{k}": seen[name]["spikes"] for k, name in enumerate(fires)}
    return {"thresholds": torch.tensor([*fires.values()]), **spikes, "out": made(given["x"], STEPS)}


def score(samples, seed, epochs):
    torch.manual_seed(seed)
    made = rv.convert(trained(normed(16, samples.x.shape[-1]), samples, epochs), samples.x, threshold=99.9)
    return (made(samples.x_test, STEPS).argmax(1) == samples.y_test).float().mean().item()
