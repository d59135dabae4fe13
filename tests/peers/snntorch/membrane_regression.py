"""Regression I: the membrane of a read-out follows a curve; thresholds and decays are drawn, decays learn."""

import torch

import ranvier as rv
from ranvier.compat import load_state_dict
from ranvier.compat.snntorch import Leaky
from ranvier.units import ms

every_step = rv.losses.Regression(at="every")


def network(hidden):
    def cell(size, **how):
        return Leaky(
            torch.rand(size), spike_grad=rv.surrogates.FastSigmoid(alpha=25), learn_beta=True, size=size, **how
        )

    layers = [(rv.Linear(n, hidden), cell(hidden, threshold=torch.rand(hidden))) for n in (1, hidden)]
    read_out = cell(1, reset_mechanism="none").changed(emit="v")
    return rv.Sequential(*layers[0], *layers[1], rv.Linear(hidden, 1), read_out, dt=1 * ms)


def signals(given):
    net = network(32)
    load_state_dict(net, given["weights"])
    seen = net.observe(given["x"], record={"leaky1": ["spikes"], "leaky2": ["spikes"], "leaky3": ["v"]})
    loss = every_step(seen["leaky3"]["v"], given["y"].transpose(0, 1))
    loss.backward()
    out = {"hidden1": seen["leaky1"]["spikes"], "hidden2": seen["leaky2"]["spikes"], "v": seen["leaky3"]["v"]}
    return {**out, "loss": loss, "gradient": net["leaky1"].beta.grad}


def score(samples, seed, epochs):
    torch.manual_seed(seed)
    net = network(128)
    rv.train(net, (samples.x, samples.y), epochs=epochs, loss=every_step, seed=seed, progress=False)
    v, _ = net(samples.x_test.transpose(0, 1))
    return every_step(v, samples.y_test).item()
