"""Regression II: recurrent cells classify static images by a regression of their spike counts."""

import torch

import ranvier as rv
from ranvier.compat import load_state_dict
from ranvier.compat.snntorch import RLeaky
from ranvier.units import ms

STEPS = 10
rates = rv.losses.SpikeRate(correct=0.8, incorrect=0.2)


def network(inputs, hidden):
    layers = [(rv.Linear(n, m), RLeaky(beta=0.9, linear_features=m)) for n, m in ((inputs, hidden), (hidden, 10))]
    return rv.Sequential(*layers[0], *layers[1], dt=1 * ms)


def signals(given):
    net = network(64, 32)
    load_state_dict(net, given["weights"])
    out, _ = net(given["x"].expand(STEPS, -1, -1))
    loss = STEPS * rates(out, given["y"].long())
    loss.backward()
    return {"out": out, "loss": loss, "gradient": net["linear1"].weight.grad}


def score(samples, seed, epochs):
    torch.manual_seed(seed)
    x, x_test = (part.flatten(1).unsqueeze(1).expand(-1, STEPS, -1) for part in (samples.x, samples.x_test))
    net = network(x.shape[2], 128)
    rv.train(net, (x, samples.y), epochs=epochs, batch_size=128, loss=rates, seed=seed, progress=False)
    out, _ = net(x_test.transpose(0, 1))
    return (rates.predict(out) == samples.y_test).float().mean().item()
