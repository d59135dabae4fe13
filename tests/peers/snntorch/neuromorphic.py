"""Tutorial 7: a convolutional network learns events of a camera, towards spike rates of right and wrong cells."""

import torch
from torch import nn

import ranvier as rv
from ranvier.compat import load_state_dict
from ranvier.compat.snntorch import Leaky
from ranvier.units import ms

rates = rv.losses.SpikeRate(correct=0.8, incorrect=0.2)


def network(pixels, first, second):
    side = ((pixels - 4) // 2 - 4) // 2
    return rv.Sequential(
        rv.Conv2d(2, first, 5), Leaky(beta=0.5), nn.MaxPool2d(2), rv.Conv2d(first, second, 5), Leaky(beta=0.5),
        nn.MaxPool2d(2), nn.Flatten(), rv.Linear(second * side**2, 10), Leaky(beta=0.5), dt=1 * ms,
    )  # fmt: skip


def signals(given):
    net = network(16, 3, 4)
    load_state_dict(net, given["weights"])
    out, _ = net(given["x"])
    loss = len(out) * rates(out, given["y"].long())
    loss.backward()
    return {"out": out, "loss": loss, "gradient": net["conv2d1"].weight.grad}


def score(samples, seed, epochs):
    torch.manual_seed(seed)
    net = network(samples.x.shape[-1], 12, 32)
    rv.train(net, (samples.x, samples.y), epochs=epochs, batch_size=128, lr=2e-2, loss=rates, seed=seed, progress=False)
    out, _ = net(samples.x_test.transpose(0, 1))
    return (rates.predict(out) == samples.y_test).float().mean().item()
