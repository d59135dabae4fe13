"""Tutorial 6: a convolutional network learns static images by its spike counts, with a chosen surrogate."""

import torch
from torch import nn

import ranvier as rv
from ranvier.compat import load_state_dict
from ranvier.compat.snntorch import Leaky
from ranvier.units import ms

STEPS = 10


def network(pixels, first, second):
    cell = Leaky(beta=0.5, spike_grad=rv.surrogates.FastSigmoid(alpha=25))
    side = ((pixels - 4) // 2 - 4) // 2
    return rv.Sequential(
        rv.Conv2d(1, first, 5), nn.MaxPool2d(2), cell, rv.Conv2d(first, second, 5), nn.MaxPool2d(2), cell,
        nn.Flatten(), rv.Linear(second * side**2, 10), cell, dt=1 * ms,
    )  # fmt: skip


def signals(given):
    net = network(16, 3, 4)
    load_state_dict(net, given["weights"])
    out, _ = net(given["x"].expand(STEPS, *given["x"].shape))
    loss = rv.losses.EveryStep()(out, given["y"].long())
    loss.backward()
    return {"out": out, "loss": loss, "gradient": net["conv2d1"][0].weight.grad}


def score(samples, seed, epochs):
    torch.manual_seed(seed)
    x, x_test = (part.unsqueeze(1).expand(-1, STEPS, -1, -1, -1) for part in (samples.x, samples.x_test))
    net = network(samples.x.shape[-1], 12, 64)
    loss = rv.losses.EveryStep()
    rv.train(net, (x, samples.y), epochs=epochs, batch_size=128, lr=1e-2, loss=loss, seed=seed, progress=False)
    out, _ = net(x_test.transpose(0, 1))
    return (loss.predict(out) == samples.y_test).float().mean().item()
