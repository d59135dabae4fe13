"""The weights of a trained convolutional network, with integrate-and-fire cells in the place of its rectifiers."""

import torch
from torch import nn

import ranvier as rv
from ranvier.compat.sinabs import IAF
from ranvier.units import ms
from tests.peers.conventional import loaded, trained, unbiased


def spiking(model):
    parts = [IAF(min_v_mem=-1.0) if isinstance(part, nn.ReLU) else part for part in model]
    return rv.Sequential(*parts, IAF(min_v_mem=-1.0), dt=1 * ms)


def signals(given):
    model = loaded(unbiased(2, 8), given["state"])
    seen = spiking(model).observe(given["x"], record={f"iaf{k}": ["n"] for k in range(1, 5)})
    return {name: signal["n"] for name, signal in seen.items()}


def score(samples, seed, epochs):
    torch.manual_seed(seed)
    net = spiking(trained(unbiased(8, samples.x.shape[-1]), samples, epochs))
    with torch.no_grad():
        out, _ = net(rv.encoding.bernoulli(samples.x_test, 100))
    return (out.sum(0).argmax(1) == samples.y_test).float().mean().item()
