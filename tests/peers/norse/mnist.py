"""Images as constant currents through an encoder, recurrent cells, and a read-out whose highest membranes are compared."""

import torch

import ranvier as rv
from ranvier.compat import norse
from ranvier.units import ms


def network(pixels, hidden):
    recurrent = norse.LIFRecurrent(pixels, hidden, norse.LIFParameters(alpha=100, v_th=0.5))
    return rv.Sequential(
        norse.LIFBox(size=pixels), *recurrent, rv.Linear(hidden, 10, bias=False), norse.LI(), dt=1 * ms
    )


def shown(images):
    return ((images - 0.13) / 0.31).flatten(1).unsqueeze(1).expand(-1, 32, -1)


def signals(given):
    net = network(64, 20)
    rv.compat.load_state_dict(net, given["state"])
    seen = net.observe(shown(given["x"]).transpose(0, 1), record={"lif1": ["spikes", "v", "i"], "li1": ["v"]})
    return {**seen["lif1"], "out": seen["li1"]["v"]}


def score(samples, seed, epochs):
    torch.manual_seed(seed)
    train, test = (shown(samples.x), samples.y), (shown(samples.x_test), samples.y_test)
    net, how = network(samples.x[0].numel(), 100), {"lr": 2e-3, "scale": None, "seed": seed, "progress": False}
    fit = rv.train(net, train, test, epochs=epochs, loss=rv.losses.MaxOverTime(), **how)
    return fit.history[-1].valid.metrics["accuracy"]
