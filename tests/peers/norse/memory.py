"""Store a bit, recall it later: half of the cells have adaptive thresholds (LSNN)."""

import torch

import ranvier as rv
from ranvier.compat import norse
from ranvier.units import ms


def network():
    slow = {"tau_adapt_inv": 0.135, "beta": 1.8}
    parts = {
        "lif": norse.LIFRecurrent(20, 10, norse.LIFParameters(v_th=0.5)),
        "lsnn": norse.LSNNRecurrent(20, 10, norse.LSNNParameters(v_th=0.5, **slow)),
    }
    net = rv.Network(dt=1 * ms)
    net.input("input", 20)
    net.population("readout", 2, norse.LI(), output=True)
    for name, (weights, cells) in parts.items():
        net.population(name, 10, cells.cell)
        net.connect("input", name, weights, same_step=True)
        net.connect(name, name, cells.how, **cells.options)
        net.connect(name, "readout", rv.Linear(10, 2, bias=False), same_step=True)
    return net


def recalled(out, y):  # probabilities [N, 2] and bits [N, 2] in the periods of recall
    return out.unflatten(0, (y.shape[1], -1)).mean(1).softmax(2).transpose(0, 1)[y.sum(2) > 0], y[y.sum(2) > 0]


def loss(out, y):
    return torch.nn.functional.binary_cross_entropy_with_logits(*recalled(out, y))


def right(out, y):
    found, bits = recalled(out, y)
    return (found.argmax(1) == bits.argmax(1)).float().mean()


def signals(given):
    net = network()
    rv.compat.load_state_dict(net, given["state"])
    seen = net.observe(given["x"], record={"lif": ["spikes"], "lsnn": ["spikes", "b"], "readout": ["v"]})
    return {
        "lif": seen["lif"]["spikes"],
        "lsnn": seen["lsnn"]["spikes"],
        "b": seen["lsnn"]["b"],
        "out": seen["readout"]["v"],
    }


def score(samples, seed, epochs):
    torch.manual_seed(seed)
    how = {"lr": 1e-2, "scale": None, "batch_size": 128, "seed": seed, "progress": False}
    fit = rv.train(network(), samples[:2], samples[2:], epochs=epochs, loss=loss, metric=right, **how)
    return fit.history[-1].valid.metrics["right"]
