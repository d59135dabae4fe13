"""The same with SpikingJelly."""

import torch
from spikingjelly.activation_based import encoding, functional, layer, neuron, surrogate
from torch import nn


def network(pixels):
    lif = neuron.LIFNode(tau=2.0, surrogate_function=surrogate.ATan())
    return nn.Sequential(layer.Flatten(), layer.Linear(pixels, 10, bias=False), lif)


def signals(given):
    net = network(64)
    net.load_state_dict(given["state"])
    spikes, v = [], []
    for x in given["x"]:
        spikes.append(net(x))
        v.append(net[2].v)
    return {"spikes": torch.stack(spikes), "v": torch.stack(v)}


def rates(net, images):
    encoder = encoding.PoissonEncoder()
    functional.reset_net(net)
    return sum(net(encoder(images)) for _ in range(100)) / 100


def score(samples, seed, epochs):
    torch.manual_seed(seed)
    net = network(samples.x[0].numel())
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    for _ in range(epochs):
        for k in torch.randperm(len(samples.y)).split(64):
            optimizer.zero_grad()
            target = nn.functional.one_hot(samples.y[k], 10).float()
            loss = nn.functional.mse_loss(rates(net, samples.x[k]), target)
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        return (rates(net, samples.x_test).argmax(1) == samples.y_test).float().mean().item()
