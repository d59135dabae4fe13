"""Tutorial 5: a network learns static images by a loss on the membranes of its last cells."""

import torch

import ranvier as rv
from ranvier.compat import load_state_dict
from ranvier.compat.snntorch import Leaky
from ranvier.units import ms

STEPS = 25
every_step = rv.losses.EveryStep()


def network(inputs, hidden):
    read_out = Leaky(beta=0.95).changed(emit="v")
    return rv.Sequential(rv.Linear(inputs, hidden), Leaky(beta=0.95), rv.Linear(hidden, 10), read_out, dt=1 * ms)


def signals(given):
    net = network(64, 100)
    load_state_dict(net, given["weights"])
    seen = net.observe(given["x"].expand(STEPS, -1, -1), record={"leaky1": ["spikes"], "leaky2": ["spikes", "v"]})
    loss = STEPS * every_step(seen["leaky2"]["v"], given["y"].long())
    loss.backward()
    out = {"hidden": seen["leaky1"]["spikes"], "out": seen["leaky2"]["spikes"], "v": seen["leaky2"]["v"]}
    return {**out, "loss": loss, "gradient": net["linear1"].weight.grad}


def score(samples, seed, epochs):
    torch.manual_seed(seed)
    x, x_test = (part.flatten(1).unsqueeze(1).expand(-1, STEPS, -1) for part in (samples.x, samples.x_test))
    net = network(x.shape[2], 1000)
    rv.train(net, (x, samples.y), epochs=epochs, batch_size=128, lr=5e-4, loss=every_step, seed=seed, progress=False)
    spikes = net.observe(x_test.transpose(0, 1), record={"leaky2": ["spikes"]})["leaky2"]["spikes"]
    return (spikes.sum(0).argmax(1) == samples.y_test).float().mean().item()
