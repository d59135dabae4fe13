"""Digits by one layer of leaky cells; pixels are rates of random spikes."""

import torch
from torch import nn

import ranvier as rv
from ranvier.units import ms


def network(pixels):
    lif = rv.compat.spikingjelly.LIFNode(tau=2.0, surrogate_function=rv.surrogates.ArcTan())
    return rv.Sequential(nn.Flatten(), rv.Linear(pixels, 10, bias=False), lif, dt=1 * ms)


def signals(given):
    net = network(64)
    rv.compat.load_state_dict(net, given["state"])
    return net.observe(given["x"], record={"lifnode1": ["spikes", "v"]})["lifnode1"]


def score(samples, seed, epochs):
    torch.manual_seed(seed)

    def encoded(x, y):
        return rv.encoding.bernoulli(x, 100).transpose(0, 1), y

    def batches(epoch):  # new spikes in every epoch
        return (encoded(samples.x[k], samples.y[k]) for k in torch.randperm(len(samples.y)).split(64))

    test = encoded(samples.x_test, samples.y_test)
    loss, how = rv.losses.SpikeRate(correct=1, incorrect=0), {"seed": seed, "progress": False}
    fit = rv.train(network(samples.x[0].numel()), batches, test, epochs=epochs, loss=loss, lr=5e-3, **how)
    return fit.history[-1].valid.metrics["accuracy"]
