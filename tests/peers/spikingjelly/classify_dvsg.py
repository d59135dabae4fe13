"""A deep convolutional network of leaky cells classifies frames of events; ten cells vote for each class."""

import torch
from torch import nn

import ranvier as rv
from ranvier.units import ms


def network(channels, stages, hidden, flat):
    def cell():
        return rv.compat.spikingjelly.LIFNode(surrogate_function=rv.surrogates.ArcTan(), detach_reset=True)

    parts, before = [], 2
    for _ in range(stages):
        conv = rv.Conv2d(before, channels, 3, padding=1, bias=False)
        parts += [conv, nn.BatchNorm2d(channels), cell(), nn.MaxPool2d(2)]
        before = channels
    parts += [nn.Flatten(), rv.Dropout(0.5), rv.Linear(flat, hidden), cell()]
    return rv.Sequential(*parts, rv.Dropout(0.5), rv.Linear(hidden, 100), cell(), dt=1 * ms)


LOSS = rv.losses.Pooled(rv.losses.SpikeRate(correct=1, incorrect=0), groups=10)


def signals(given):
    net = network(3, 2, 20, 12).eval()
    rv.compat.load_state_dict(net, given["state"])
    seen = net.observe(given["x"], record={f"lifnode{k}": ["spikes"] for k in range(1, 5)})
    votes = LOSS.read(seen["lifnode4"]["spikes"])
    return {name: signal["spikes"] for name, signal in seen.items()} | {"votes": votes}


def score(samples, seed, epochs):
    torch.manual_seed(seed)
    stages = 2 if samples.x.shape[-1] < 16 else 3
    net = network(16, stages, 128, 16 * (samples.x.shape[-1] // 2**stages) ** 2)
    train, test, how = samples[:2], samples[2:], {"lr": 5e-3, "batch_size": 32, "seed": seed, "progress": False}
    fit = rv.train(net, train, test, epochs=epochs, loss=LOSS, schedule="cosine", **how)
    return fit.history[-1].valid.metrics["accuracy"]
